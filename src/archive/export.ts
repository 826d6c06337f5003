/** An export as a whole: which files hold conversations, in which order, and what is missing. */
import { stat } from 'node:fs/promises';
import { type AssetIndex, indexAssets } from './assets.ts';
import type { Container, ContainerEntry, ContainerLimits } from './container.ts';
import { baseNameOf } from './entry-names.ts';
import { openFolder } from './folder.ts';
import { findMissingParts, findMissingShards } from './missing-shards.ts';
import { openInnerZips, type Part, splitUnpacked } from './portal.ts';
import { findInnerFolders, findInnerZips, findShards } from './shards.ts';
import { createSideFiles } from './side-files.ts';
import { type Slice, type SliceOptions, sliceElements } from './slices.ts';
import { ArchiveError, type ArchiveWarning } from './types.ts';
import { openZip } from './zip.ts';

/** One file of conversations. */
export interface Shard {
  /** Position among the shards of the export, 0-based. */
  index: number;
  /** Its name in the zip; unique, for the name of a zip within the zip comes first: `Conversations__x.zip/conversations-000.json`. */
  name: string;
  expandedBytes: number;
}

export interface ReadShardOptions extends Pick<SliceOptions, 'fromElement' | 'keepsFew'> {
  signal?: AbortSignal;
}

export interface ExportArchive {
  /** In the order in which they are to be read. */
  shards: Shard[];
  /** What is missing or was left out; the rest can be imported. */
  problems: ArchiveWarning[];
  /** Expanded bytes of all shards. */
  totalBytes: number;
  /** The elements of a shard. Ends with an ArchiveError when the shard is cut or damaged, after all that is whole. */
  readShard(shard: Shard, options?: ReadShardOptions): AsyncIterable<Slice>;
  assets: AssetIndex;
  close(): Promise<void>;
}

export interface ExportOptions {
  limits: ContainerLimits & Pick<SliceOptions, 'maxElementBytes' | 'maxDepth' | 'maxValues'>;
  /** A deflated zip within the zip is unpacked to this path with a number behind it, until `close`. */
  tempPath: string;
  /** Stops the unpacking of a zip within the zip. */
  signal?: AbortSignal;
  /** Hears with every piece that its unpacking goes on. */
  onUnpacking?: () => void;
}

/**
 * Opens a zip or a folder. Throws an ArchiveError: what openZip throws, NO_CONVERSATIONS, and when not one shard can be
 * read the reason of the first (ZIP_ENCRYPTED, ZIP_UNSUPPORTED_METHOD).
 */
export async function openExport(path: string, options: ExportOptions): Promise<ExportArchive> {
  const cleanup: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (let step = cleanup.pop(); step !== undefined; step = cleanup.pop()) await step();
  };
  try {
    return await assemble(path, options, cleanup, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function assemble(
  path: string,
  options: ExportOptions,
  cleanup: (() => Promise<void>)[],
  close: () => Promise<void>,
): Promise<ExportArchive> {
  const isFolder = (await stat(path)).isDirectory();
  const outer = isFolder ? await openFolder(path, options.limits) : await openZip(path, options.limits);
  cleanup.push(() => outer.close());
  const problems = [...outer.warnings];
  const parts = await openParts(outer, options, cleanup, problems);
  const found = findShards(parts.map((part) => part.container));
  const sideFiles = createSideFiles(found, problems);
  const shards: Shard[] = [];
  const sources: ((signal: AbortSignal | undefined) => AsyncIterable<Buffer>)[] = [];
  let refusal: ArchiveError | null = null;
  for (const { container, prefix } of parts) {
    for (const entry of found.get(container) ?? []) {
      const error = container.refusal(entry);
      if (error !== null) {
        refusal ??= error;
        problems.push({ code: error.code, reason: error.message });
        continue;
      }
      shards.push({ index: shards.length, name: prefix + entry.name, expandedBytes: entry.expandedBytes });
      sources.push((signal) => container.read(entry, signal));
    }
  }
  for (const problem of await findMissingShards(parts, found, sideFiles)) problems.push(problem);
  if (shards.length === 0) throw refusal ?? noConversations(outer.entries, problems);

  const { maxElementBytes, maxDepth, maxValues } = options.limits;
  return {
    shards,
    problems,
    totalBytes: shards.reduce((sum, shard) => sum + shard.expandedBytes, 0),
    readShard(shard, { signal, ...options } = {}) {
      const source = sources[shard.index];
      if (source === undefined) throw new RangeError('The shard is not of this export.');
      const limits = { maxElementBytes, maxDepth, maxValues };
      return sliceElements(source(signal), { ...limits, ...options, ownsChunks: true });
    },
    assets: await indexAssets(found, sideFiles),
    close,
  };
}

/** What an export consists of: one container, or the parts of the Privacy Portal and what lies around them. */
async function openParts(
  outer: Container,
  options: ExportOptions,
  cleanup: (() => Promise<void>)[],
  problems: ArchiveWarning[],
): Promise<Part[]> {
  const [shards = []] = findShards([outer]).values();
  const zips = findInnerZips(outer.entries, shards);
  const folders = findInnerFolders(outer.entries, [...shards, ...zips]);
  const names = [...folders, ...zips.map((zip) => zip.name)].map(baseNameOf);
  for (const problem of findMissingParts(names)) problems.push(problem);
  return [...splitUnpacked(outer), ...(await openInnerZips(outer, zips, options, cleanup, problems))];
}

function noConversations(
  entries: readonly ContainerEntry[],
  problems: readonly ArchiveWarning[],
): ArchiveError {
  const names = entries.slice(0, 5).map((entry) => entry.name.slice(0, 80));
  const more = entries.length > names.length ? ` and ${entries.length - names.length} more` : '';
  const found = names.length === 0 ? 'It is empty.' : `It holds ${names.join(', ')}${more}.`;
  const first = problems[0] === undefined ? '' : ` ${problems[0].reason}`;
  return new ArchiveError(
    'NO_CONVERSATIONS',
    `There are no conversations in this archive. ${found}${first} Supported are exports of ChatGPT and Claude with conversations.json or conversations-000.json and so on.`,
  );
}

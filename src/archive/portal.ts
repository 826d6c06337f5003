/**
 * The provider's Privacy Portal packs the zips of an export into one more zip. Exactly one level is opened, and only
 * zips named as conversations: an attachment may well be somebody's old export.
 */
import { open, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { type Container, type ContainerEntry, type ContainerLimits, defaultMaxEntries } from './container.ts';
import { baseNameOf, innerFolderOf } from './entry-names.ts';
import { compareParts } from './shards.ts';
import { ArchiveError, type ArchiveWarning } from './types.ts';
import { openZip, openZipAt, type ZipFile } from './zip.ts';

/** Each is an open file until the export is closed; real ones have a few, of gigabytes each. */
const MAX_INNER_ZIPS = 200;

/** A container and what stands in front of the names of its shards. */
export interface Part {
  container: Container;
  prefix: string;
  /** What the portal calls it; null for what lies around its parts, or is no portal. */
  name: string | null;
}

export interface PortalOptions {
  limits: ContainerLimits;
  /** With a number behind it, where a deflated zip is unpacked. */
  tempPath: string;
  signal?: AbortSignal | undefined;
  onUnpacking?: (() => void) | undefined;
}

/**
 * Each folder into which a zip of conversations was unpacked is a part, as the zip would be. First comes what lies around
 * them: all of `outer` when there are none.
 */
export function splitUnpacked(outer: Container): Part[] {
  const byFolder = new Map<string | null, ContainerEntry[]>([[null, []]]);
  for (const entry of outer.entries) {
    const folder = innerFolderOf(entry.name);
    const entries = byFolder.get(folder);
    if (entries === undefined) byFolder.set(folder, [entry]);
    else entries.push(entry);
  }
  const folders = [...byFolder].sort(([a], [b]) => compareParts(a ?? '', b ?? ''));
  return folders.map(([folder, entries]) => ({
    container: { ...outer, entries },
    prefix: '',
    name: folder === null ? null : baseNameOf(folder),
  }));
}

/**
 * Opens these zips of conversations within `outer`; one that cannot be opened becomes a problem. All together keep to
 * the limits of one. `cleanup` gets what is to be undone, the last first.
 */
export async function openInnerZips(
  outer: Container,
  zips: readonly ContainerEntry[],
  options: PortalOptions,
  cleanup: (() => Promise<void>)[],
  problems: ArchiveWarning[],
): Promise<Part[]> {
  const parts: Part[] = [];
  problems.push(...findTooMany(zips));
  let { maxExpandedBytes, maxEntries = defaultMaxEntries } = options.limits;
  for (const entry of zips.slice(0, MAX_INNER_ZIPS)) {
    const tempPath = `${options.tempPath}.${parts.length}`;
    try {
      const limits = { ...options.limits, maxExpandedBytes, maxEntries };
      const zip = await openInnerZip(outer, entry, { ...options, limits, tempPath }, cleanup, problems);
      cleanup.push(() => zip.close());
      maxExpandedBytes -= zip.entries.reduce((sum, each) => sum + each.expandedBytes, 0);
      // What was refused is kept, too: as a warning.
      maxEntries = Math.max(0, maxEntries - zip.entries.length - zip.warnings.length);
      // Not spread into arguments: there may be more of them than a call takes.
      for (const warning of zip.warnings) problems.push(warning);
      parts.push({ container: zip, prefix: `${entry.name}/`, name: entry.baseName });
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
      problems.push(asProblem(entry, error));
    }
  }
  return parts;
}

function findTooMany(zips: readonly ContainerEntry[]): ArchiveWarning[] {
  const [first, last] = [zips[MAX_INNER_ZIPS], zips.at(-1)];
  if (first === undefined || last === undefined) return [];
  const reason = `The archive holds ${zips.length} zips of conversations, of which ${MAX_INNER_ZIPS} are read. Left out: ${first.baseName} to ${last.baseName}. Import them by themselves.`;
  return [{ code: 'PARTS_TOO_MANY', reason }];
}

/** In place where it is stored as it is, else unpacked to the path that the caller named. */
async function openInnerZip(
  outer: Container,
  entry: ContainerEntry,
  { limits, tempPath, signal, onUnpacking }: PortalOptions,
  cleanup: (() => Promise<void>)[],
  problems: ArchiveWarning[],
): Promise<ZipFile> {
  const range = await outer.locate(entry);
  if (range !== null) return openZipAt(range, limits);
  cleanup.push(() => rm(tempPath, { force: true }));
  // Opened before anything can fail, or the file could appear after it was removed.
  const handle = await open(tempPath, 'w', 0o600);
  let damage: ArchiveError | null = null;
  async function* unpacked(): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of outer.read(entry, signal)) {
        onUnpacking?.();
        yield chunk;
      }
    } catch (error) {
      // Comes after the last byte; which of them are wrong, the checksums of the inner zip will tell.
      if (!(error instanceof ArchiveError) || error.code !== 'ZIP_BAD_CRC') throw error;
      damage = error;
    }
  }
  await pipeline(unpacked, handle.createWriteStream());
  const zip = await openZip(tempPath, limits);
  if (damage !== null) problems.push(asProblem(entry, damage));
  return zip;
}

const asProblem = (entry: ContainerEntry, { code, message }: ArchiveError): ArchiveWarning => ({
  code,
  reason: `${entry.baseName}: ${message}`,
});

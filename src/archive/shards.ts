import type { Container, ContainerEntry } from './container.ts';
import { readWhole } from './container.ts';
import { ArchiveError, type ArchiveWarning } from './types.ts';
import { asArray, asObject, asText, isObject } from './values/json.ts';

// Never looser: shared_conversations.json, sectioned_conversations.json and the asset names are no conversations.
const SHARD_NAME = /^conversations(?:-(\d+))?(?: ?\(\d+\))?\.json$/i;
const INNER_ZIP_NAME = /^Conversations_{1,2}[^/]*\.zip$/i;
const MANIFEST_NAME = 'export_manifest.json';
const MAX_SIDE_FILE_BYTES = 64 * 1024 * 1024;

/** Files that operating systems add to archives. */
export function isJunk(entry: ContainerEntry): boolean {
  return entry.baseName.startsWith('._') || entry.name.split('/').includes('__MACOSX');
}

/** The files of conversations, the single one first and the numbered ones in the order of their numbers. */
export function findShards<E extends ContainerEntry>(entries: readonly E[]): E[] {
  const shards = entries.flatMap((entry) => {
    const match = SHARD_NAME.exec(entry.baseName);
    if (match === null || isJunk(entry)) return [];
    return [{ entry, number: match[1] === undefined ? -1 : Number(match[1]) }];
  });
  shards.sort((a, b) => a.number - b.number || compareText(a.entry.name, b.entry.name));
  return shards.map((shard) => shard.entry);
}

/** The zips of conversations in a container of the Privacy Portal, in the order of their parts. */
export function findInnerZips<E extends ContainerEntry>(entries: readonly E[]): E[] {
  const zips = entries.filter((entry) => INNER_ZIP_NAME.test(entry.baseName) && !isJunk(entry));
  return zips.sort(
    (a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }) || compareText(a.name, b.name),
  );
}

/**
 * Shards that a manifest lists and no container of the export holds. The manifest is a hint: without one nothing is
 * missing.
 */
export async function findMissingShards(containers: readonly Container[]): Promise<ArchiveWarning[]> {
  const problems: ArchiveWarning[] = [];
  const present = new Set(
    containers.flatMap((container) =>
      findShards(container.entries).map((entry) => entry.baseName.toLowerCase()),
    ),
  );
  const missing = new Set<string>();
  for (const container of containers) {
    for (const entry of container.entries) {
      if (entry.baseName !== MANIFEST_NAME || isJunk(entry)) continue;
      for (const name of namesIn(await readSideFile(container, entry, problems))) {
        const baseName = name.slice(name.lastIndexOf('/') + 1);
        if (SHARD_NAME.test(baseName) && !present.has(baseName.toLowerCase())) missing.add(baseName);
      }
    }
  }
  for (const name of missing) {
    problems.push({
      code: 'SHARD_MISSING',
      reason: `The export lists ${name}, but it is not in the archive.`,
    });
  }
  return problems;
}

/** Every file name that some form of the manifest lists. */
function namesIn(manifest: unknown): string[] {
  const { export_files, logical_files, files } = asObject(manifest);
  const names = asArray(export_files).map((file) => asObject(file).path);
  const logical = isObject(logical_files) ? Object.values(logical_files) : asArray(logical_files);
  for (const each of [...logical, ...asArray(files)]) {
    const { files: parts, shards } = asObject(each);
    names.push(...asArray(parts), ...asArray(shards));
  }
  return names
    .map((name) => asText(name) ?? asText(asObject(name).path) ?? asText(asObject(name).name))
    .filter((name) => name !== null);
}

/** A JSON file beside the conversations; undefined, and a problem, when it cannot be read. */
export async function readSideFile(
  container: Container,
  entry: ContainerEntry,
  problems: ArchiveWarning[],
): Promise<unknown> {
  try {
    const bytes = await readWhole(
      container,
      entry,
      MAX_SIDE_FILE_BYTES,
      () => new ArchiveError('SIDE_FILE_TOO_LARGE', `it is larger than ${MAX_SIDE_FILE_BYTES} bytes`),
    );
    return JSON.parse(bytes.toString('utf8').replace(/^\ufeff/, ''));
  } catch (error) {
    const why = error instanceof ArchiveError ? error.message : 'it is not valid JSON';
    problems.push({ code: 'SIDE_FILE_UNREADABLE', reason: `${entry.baseName} was not used: ${why}` });
    return undefined;
  }
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

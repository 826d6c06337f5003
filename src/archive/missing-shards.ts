/** What of an export is not in the archive, as far as manifests and numbers tell. */
import type { Container, ContainerEntry } from './container.ts';
import { baseNameOf, partNumber, shardNumber } from './entry-names.ts';
import type { SideFiles } from './side-files.ts';
import type { ArchiveWarning } from './types.ts';
import { asArray, asObject, asText, isObject } from './values/json.ts';

/** How many gaps a warning names. */
const NAMED_GAPS = 5;

/**
 * Shards that a manifest lists and no container of the export holds. Without a manifest only the numbers can tell: a
 * gap in them is a warning, for the rest may have been left out on purpose.
 */
export async function findMissingShards(
  shards: ReadonlyMap<Container, ContainerEntry[]>,
  sideFiles: SideFiles,
): Promise<ArchiveWarning[]> {
  const present = new Set([...shards.values()].flat().flatMap((entry) => shardNumber(entry.baseName) ?? []));
  const missing = new Map<number, string>();
  let listed = false;
  for (const container of shards.keys()) {
    for (const name of namesIn(await sideFiles.read(container, 'export_manifest'))) {
      const baseName = baseNameOf(name);
      const number = shardNumber(baseName);
      if (number === null) continue;
      listed = true;
      if (!present.has(number)) missing.set(number, baseName);
    }
  }
  if (!listed) {
    const nameOf = (number: number) => `conversations-${String(number).padStart(3, '0')}.json`;
    return describeGaps(
      [...present].filter((number) => number >= 0),
      0,
      nameOf,
    );
  }
  return [...missing.values()].map((name) => ({
    code: 'SHARD_MISSING',
    reason: `The export lists ${name}, but it is not in the archive.`,
  }));
}

/** Gaps in the numbers of the portal's zips. */
export function findMissingParts(zips: readonly ContainerEntry[]): ArchiveWarning[] {
  const bySeries = new Map<string, number[]>();
  for (const { baseName } of zips) {
    const part = partNumber(baseName);
    if (part === null) continue;
    const numbers = bySeries.get(part.series) ?? [];
    numbers.push(part.number);
    bySeries.set(part.series, numbers);
  }
  return [...bySeries].flatMap(([series, numbers]) =>
    describeGaps(numbers, 1, (number) => `${series}${String(number).padStart(4, '0')}.zip`),
  );
}

/** At most one warning. Exports begin to count at `first`, some of them one later. */
function describeGaps(
  numbers: number[],
  first: number,
  nameOf: (number: number) => string,
): ArchiveWarning[] {
  const gaps: string[] = [];
  let next = first;
  for (const number of numbers.toSorted((a, b) => a - b)) {
    const isLateStart = next === first && number === first + 1;
    if (number > next && !isLateStart) {
      gaps.push(number === next + 1 ? nameOf(next) : `${nameOf(next)} to ${nameOf(number - 1)}`);
    }
    next = Math.max(next, number + 1);
  }
  if (gaps.length === 0) return [];
  const more = gaps.length > NAMED_GAPS ? ' and more' : '';
  const reason = `The numbers of the files have a gap: ${gaps.slice(0, NAMED_GAPS).join(', ')}${more} may be missing. Look whether the archive is complete.`;
  return [{ code: 'SHARD_GAP', reason }];
}

/** Every file name that some form of the manifest lists. */
function namesIn(manifest: unknown): string[] {
  const { export_files, logical_files, files } = asObject(manifest);
  const names = asArray(export_files).map((file) => asObject(file).path);
  const logical = isObject(logical_files) ? Object.values(logical_files) : asArray(logical_files);
  for (const each of [...logical, ...asArray(files)]) {
    const { files: parts, shards } = asObject(each);
    // Not spread into arguments: there may be more of them than a call takes.
    for (const part of asArray(parts)) names.push(part);
    for (const shard of asArray(shards)) names.push(shard);
  }
  return names
    .map((name) => asText(name) ?? asText(asObject(name).path) ?? asText(asObject(name).name))
    .filter((name) => name !== null);
}

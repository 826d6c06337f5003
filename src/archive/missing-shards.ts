/** What of an export is not in the archive, as far as manifests and numbers tell. */
import type { Container, ContainerEntry } from './container.ts';
import { baseNameOf, partNumber, shardNumber } from './entry-names.ts';
import type { Part } from './portal.ts';
import type { SideFiles } from './side-files.ts';
import type { ArchiveWarning } from './types.ts';
import { asArray, asObject, asText, isObject, isSameJson } from './values/json.ts';

/** How many gaps a warning names, and how many warnings of a kind there are: a thousand parts give no thousand. */
const NAMED = 5;

/** What one part of an export holds, and what its manifest says that it should. */
interface Holding {
  /** Stands before its warnings. */
  label: string;
  present: ReadonlySet<number>;
  /** Names by number; empty without a manifest that lists shards. */
  listed: ReadonlyMap<number, string>;
}

/**
 * Shards that a manifest lists and its part of the export does not hold. Without a manifest only the numbers can tell: a
 * gap in them is a warning, for the rest may have been left out on purpose.
 *
 * Each part of the Privacy Portal is an ordinary export, which begins to count anew, so that another part's shard of the
 * same number is another shard. But one export may also be spread over parts. It is taken for that only where nothing
 * speaks against it: no number occurs twice, all manifests are the same to the last byte count, and no part has by
 * itself all that they list. Two exports of a user hardly look so, for each lists the sizes of its own files.
 *
 * A manifest that lies above the parts, without a shard beside it, lists what all of them hold together.
 */
export async function findMissingShards(
  parts: readonly Part[],
  shards: ReadonlyMap<Container, ContainerEntry[]>,
  sideFiles: SideFiles,
): Promise<ArchiveWarning[]> {
  const holdings: Holding[] = [];
  let listedAbove: Holding['listed'] = new Map();
  // Only one is kept, for together they can be large.
  let manifest: unknown;
  let isSameManifest = true;
  for (const { container, name } of parts) {
    const present = numbersOf(shards.get(container) ?? []);
    const next = await sideFiles.read(container, 'export_manifest');
    const listed = shardsListedIn(next);
    const isAbove = parts.length > 1 && name === null && present.size === 0;
    if (isAbove) listedAbove = listed;
    else holdings.push({ label: name === null ? '' : `${name}: `, present, listed });
    if (listed.size === 0) continue;
    manifest ??= next;
    isSameManifest &&= isSameJson(manifest, next);
  }
  return compareHoldings(holdings, listedAbove, isSameManifest);
}

function compareHoldings(
  holdings: readonly Holding[],
  listedAbove: Holding['listed'],
  isSameManifest: boolean,
): ArchiveWarning[] {
  const present = new Set(holdings.flatMap(({ present }) => [...present]));
  const above: Holding = { label: '', present, listed: listedAbove };
  const listing = [above, ...holdings].find(({ listed }) => listed.size > 0) ?? above;
  const whole: Holding = { ...above, listed: listing.listed };
  const countsThrough = whole.present.size === holdings.reduce((sum, { present }) => sum + present.size, 0);
  const listed = [...whole.listed.keys()];
  const isAloneWhole = holdings.some(({ present }) => listed.every((number) => present.has(number)));
  if (countsThrough && isSameManifest && !isAloneWhole) return firstOf(lackingOf([whole]));
  const silent = holdings.filter(({ listed, present }) => listed.size === 0 && present.size > 0);
  const counting = countsThrough && silent.length > 0 ? [whole] : silent;
  return [...firstOf(lackingOf([above, ...holdings])), ...firstOf(counting.flatMap(gapsOf))];
}

/** One by one, for each part can list more than there is room for. */
function* lackingOf(holdings: readonly Holding[]): Generator<ArchiveWarning> {
  for (const { label, present, listed } of holdings) {
    for (const [number, name] of listed) {
      if (present.has(number)) continue;
      const reason =
        label === ''
          ? `The export lists ${name}, but it is not in the archive.`
          : `${label}It lists ${name}, but does not hold it.`;
      yield { code: 'SHARD_MISSING', reason };
    }
  }
}

function gapsOf({ label, present }: Holding): ArchiveWarning[] {
  const nameOf = (number: number) => `conversations-${String(number).padStart(3, '0')}.json`;
  const numbers = [...present].filter((number) => number >= 0);
  return describeGaps(numbers, 0, nameOf).map(({ code, reason }) => ({ code, reason: label + reason }));
}

/** The first of some warnings of one kind, and how many more there are. */
function firstOf(warnings: Iterable<ArchiveWarning>): ArchiveWarning[] {
  const first: ArchiveWarning[] = [];
  let more = 0;
  for (const warning of warnings) {
    if (first.length < NAMED) first.push(warning);
    else more += 1;
  }
  const [any] = first;
  if (any === undefined || more === 0) return first;
  return [...first, { code: any.code, reason: `Not named here: ${more} more of this kind.` }];
}

const numbersOf = (entries: readonly ContainerEntry[]) =>
  new Set(entries.flatMap(({ baseName }) => shardNumber(baseName) ?? []));

function shardsListedIn(manifest: unknown): Map<number, string> {
  const listed = new Map<number, string>();
  for (const name of namesIn(manifest)) {
    const baseName = baseNameOf(name);
    const number = shardNumber(baseName);
    if (number !== null) listed.set(number, baseName);
  }
  return listed;
}

/** Gaps in the numbers of the portal's zips, by the base names of those that are there, unpacked or not. */
export function findMissingParts(baseNames: readonly string[]): ArchiveWarning[] {
  const bySeries = new Map<string, number[]>();
  for (const baseName of baseNames) {
    const part = partNumber(baseName);
    if (part === null) continue;
    const numbers = bySeries.get(part.series) ?? [];
    numbers.push(part.number);
    bySeries.set(part.series, numbers);
  }
  const gaps = [...bySeries].flatMap(([series, numbers]) =>
    describeGaps(numbers, 1, (number) => `${series}${String(number).padStart(4, '0')}.zip`),
  );
  return firstOf(gaps);
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
  const more = gaps.length > NAMED ? ` and ${gaps.length - NAMED} more` : '';
  const reason = `The numbers of the files have a gap: ${gaps.slice(0, NAMED).join(', ')}${more} may be missing. Look whether the archive is complete.`;
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

import { parseByNodes } from './chatgpt/by-nodes.ts';
import { LARGE_BYTES, providerOf, type ReadOptions } from './conversation.ts';
import type { ProviderReader } from './provider.ts';
import { ArchiveError, type KeptVersion, type MergedVersions, type VersionHead } from './types.ts';
import { isObject, type JsonObject } from './values/json.ts';

/**
 * Those of a conversation's versions that have to be read, in the order in which they are merged: merging them is merging
 * all. A version goes only when the one that covers it is here and nothing is left between the two, for only there it is
 * known to add nothing.
 */
export function pickUncovered<Version extends VersionHead>(versions: readonly Version[]): Version[] {
  const left: Version[] = [];
  for (const version of inOrder(versions)) {
    for (let before = left.at(-1); before !== undefined; before = left.at(-1)) {
      if (before.coveredBy === null || !isSameHash(before.coveredBy, version.sha256)) break;
      left.pop();
    }
    left.push(version);
  }
  return left;
}

/**
 * All of a conversation's versions, in the order in which they are merged: by their time. Of two of the same time, as those
 * are that name none, the longer one counts as newer, for a conversation grows, and the one with more nodes is to be kept;
 * what may be damaged comes before that.
 */
export function inOrder<Version extends VersionHead>(versions: readonly Version[]): Version[] {
  return versions.toSorted(
    (a, b) =>
      (a.updatedAtMs ?? 0) - (b.updatedAtMs ?? 0) ||
      Number(b.damaged) - Number(a.damaged) ||
      a.sizeBytes - b.sizeBytes ||
      Buffer.compare(a.sha256, b.sha256),
  );
}

/** The value of a version that was read. */
interface Read {
  head: VersionHead;
  value: JsonObject;
  provider: ProviderReader;
}

/**
 * One conversation out of several forms of it, such as an old and full and a new and slim export. The result does not
 * depend on the order of `versions`, nor on how often one is given. Each is read when its turn comes and let go with the
 * one after it, so that beside the result two are in memory; stops before each and gives it, for whoever wants to fetch its
 * bytes or do something else meanwhile. With large ones, which take long, it stops in between, too, and gives null. Throws an
 * ArchiveError when none can be read.
 */
export function* mergeVersions<Version extends KeptVersion>(
  versions: readonly Version[],
  { largeBytes = LARGE_BYTES }: Pick<ReadOptions, 'largeBytes'> = {},
): Generator<Version | null, MergedVersions> {
  const merged = new Map<ProviderReader, JsonObject>();
  const heads: VersionHead[] = [];
  let last: Read | undefined;
  let lastHash: Uint8Array | undefined;
  let takesLong = false;
  const ordered = inOrder(versions);
  for (const version of ordered) {
    const { sha256, damaged, sizeBytes, updatedAtMs } = version;
    if (lastHash && isSameHash(lastHash, sha256)) continue;
    lastHash = sha256;
    yield version;
    const head: VersionHead = { sha256, damaged, sizeBytes, updatedAtMs, coveredBy: null };
    heads.push(head);
    const bytes = version.read();
    const isLarge = bytes.length >= largeBytes;
    takesLong ||= isLarge;
    const value = parseObject(bytes, isLarge);
    const provider = value && providerOf(value);
    if (!value || !provider) continue;
    const before = merged.get(provider);
    // What others are merged with must not be made of ever more forms.
    const sparing = isLarge && version === ordered.at(-1);
    merged.set(provider, before === undefined ? value : provider.merge(before, value, sparing));
    const isNext = heads.at(-2) === last?.head;
    if (last && isNext && last.provider === provider) {
      if (takesLong) yield null;
      if (provider.covers(last.value, value)) last.head.coveredBy = sha256;
    }
    last = { head, value, provider };
  }
  const value = last && merged.get(last.provider);
  if (!last || !value) throw new ArchiveError('JSON_INVALID', 'No version of the conversation can be read.');
  if (takesLong) yield null;
  const conversation = last.provider.read(value);
  // One that names no id has that of its contents, which are others in the merge.
  const { externalId } = last.provider.identify(last.value);
  return { conversation: { ...conversation, externalId }, heads };
}

const isSameHash = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

function parseObject(bytes: Buffer, isLarge: boolean): JsonObject | null {
  try {
    const value: unknown = (isLarge && parseByNodes(bytes)) || JSON.parse(bytes.toString('utf8'));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

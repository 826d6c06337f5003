import { createHash } from 'node:crypto';
import { giveBack, hasOwnMemory, isShared } from '../../own-memory.ts';
import type { Services, Transaction } from '../services.ts';
import type { Tally } from '../sync/lease.ts';
import { type NewConversation, OutOfMemoryError, type PreparedConversation } from './prepare.ts';
import type { Problem } from './problems.ts';

/** What a thread gets at once: enough for the handing over to vanish, little enough to keep all threads busy. */
const TASK_BYTES = 1024 * 1024;

/** The bytes of one conversation in the export, or why there are none. */
export interface Element {
  shard: string;
  /** 0-based position in the shard. */
  element: number;
  content: { bytes: Buffer } | { code: string; reason: string };
}

/** A shard was read to its end, or to where it breaks off. */
export interface ShardEnd {
  shard: string;
  broken: Problem | null;
}

interface Place {
  shard: string;
  element: number;
}

export interface Version extends NewConversation {
  place: Place;
  sha256: Buffer;
}

/** Elements that were read and compared with what is known, ready to be written. */
export interface PreparedBatch {
  /** Of all elements, whatever became of them. */
  places: Place[];
  /** Shards that end with this batch. */
  ended: string[];
  versions: Version[];
  problems: Problem[];
  tally: Tally;
}

export const emptyTally = (): Tally => ({
  added: 0,
  updated: 0,
  unchanged: 0,
  skipped: 0,
  failed: 0,
  messagesAdded: 0,
  assetsAdded: 0,
});

/**
 * Reads a batch, in threads. Bytes that the user already has are known by their hash and not even parsed. Needs no
 * lock, so that several batches are read while one is written. The elements' bytes are gone afterwards.
 */
export async function prepareBatch(
  services: Services,
  userId: string,
  elements: Element[],
  ended: ShardEnd[] = [],
): Promise<PreparedBatch> {
  const batch: PreparedBatch = {
    places: [],
    ended: ended.map(({ shard }) => shard),
    versions: [],
    problems: ended.flatMap(({ broken }) => broken ?? []),
    tally: emptyTally(),
  };
  const hashes = elements.map(({ content }) =>
    'bytes' in content ? createHash('sha256').update(content.bytes).digest() : null,
  );
  const known = await knownHashes(services.database, userId, hashes);
  const unknown = new Map<string, Buffer>();
  for (const [index, { content }] of elements.entries()) {
    const hash = hashes[index]?.toString('hex');
    if (hash && 'bytes' in content && !known.has(hash)) unknown.set(hash, content.bytes);
  }
  const read = await readInThreads(services, userId, unknown);
  giveBack(...elements.flatMap(({ content }) => ('bytes' in content ? content.bytes : [])));
  for (const [index, { shard, element, content }] of elements.entries()) {
    const place = { shard, element };
    batch.places.push(place);
    const sha256 = hashes[index];
    const hash = sha256?.toString('hex') ?? '';
    if (known.has(hash)) {
      batch.tally.unchanged += 1;
      continue;
    }
    const result = 'bytes' in content ? read.get(hash) : unreadable(content);
    if (!result) throw new Error('A conversation was not read.');
    if (result.kind !== 'conversation') {
      const { kind, ...problem } = result;
      batch.tally[kind] += 1;
      batch.problems.push({ ...place, ...problem, outcome: kind === 'skipped' ? 'SKIPPED' : 'FAILED' });
    } else if (sha256) {
      known.add(hash);
      batch.versions.push({ ...result, place, sha256 });
    }
  }
  return batch;
}

/** Both as one, `next` behind `batch`: bytes that stand in both are known the second time. */
export function joinBatches(batch: PreparedBatch, next: PreparedBatch): PreparedBatch {
  const hashes = new Set(batch.versions.map(({ sha256 }) => sha256.toString('hex')));
  const versions = next.versions.filter(({ sha256 }) => !hashes.has(sha256.toString('hex')));
  const tally = { ...batch.tally };
  for (const [key, count] of Object.entries(next.tally)) tally[key as keyof Tally] += count;
  tally.unchanged += next.versions.length - versions.length;
  return {
    places: [...batch.places, ...next.places],
    ended: [...batch.ended, ...next.ended],
    versions: [...batch.versions, ...versions],
    problems: [...batch.problems, ...next.problems],
    tally,
  };
}

/** How much of a batch is not known yet: bytes, in the form in which they are sent, and elements, with those that failed. */
export const newsOf = ({ versions, problems }: PreparedBatch): { bytes: number; elements: number } => ({
  bytes: versions.reduce((sum, { encoded, raw }) => sum + encoded.messages.bytes.length + raw.length, 0),
  elements: versions.length + problems.length,
});

const unreadable = (content: { code: string; reason: string }) => ({
  kind: 'failed' as const,
  externalId: null,
  title: null,
  ...content,
});

/** Which of these versions the user already has, in hexadecimal. */
export async function knownHashes(
  database: Pick<Transaction, 'query'>,
  userId: string,
  hashes: (Buffer | null)[],
): Promise<Set<string>> {
  const wanted = hashes.filter((hash) => hash !== null);
  if (wanted.length === 0) return new Set();
  const rows = await database.query<{ sha256: string }>(
    `SELECT encode(sha256, 'hex') AS sha256 FROM conversation_versions
     WHERE user_id = $1 AND sha256 = ANY($2::bytea[])`,
    [userId, wanted],
  );
  return new Set(rows.map((row) => row.sha256));
}

type Slice = [hash: string, bytes: Buffer];

/** What became of each slice, by its hash. */
async function readInThreads(
  services: Services,
  userId: string,
  slices: Map<string, Buffer>,
): Promise<Map<string, PreparedConversation>> {
  const portions: Slice[][] = [];
  let room = 0;
  for (const slice of slices) {
    const last = portions.at(-1);
    if (last && slice[1].length <= room) last.push(slice);
    else {
      portions.push([slice]);
      room = TASK_BYTES;
    }
    room -= slice[1].length;
  }
  const read = await Promise.all(portions.map((portion) => readPortion(services, userId, portion)));
  return new Map(read.flat());
}

/** One conversation that takes more memory than a thread may have fails alone. */
async function readPortion(
  services: Services,
  userId: string,
  portion: Slice[],
): Promise<[hash: string, read: PreparedConversation][]> {
  let end = 0;
  const ends = portion.map(([, slice]) => {
    end += slice.length;
    return end;
  });
  try {
    const bytes = ownBytes(portion, end);
    const read = await services.threads.prepare({ userId, bytes, ends });
    return portion.flatMap(([hash], index) => {
      const result = read[index];
      return result ? [[hash, result]] : [];
    });
  } catch (error) {
    if (!(error instanceof OutOfMemoryError)) throw error;
    services.logger.warn({ error, bytes: end, conversations: portion.length }, 'a thread ran out of memory');
    const [first] = portion;
    if (first && portion.length === 1) {
      const reason = 'It takes more memory to read than this server allows for one conversation.';
      return [[first[0], unreadable({ code: 'TOO_MUCH_MEMORY', reason })]];
    }
    const middle = portion.length >> 1;
    const before = await readPortion(services, userId, portion.slice(0, middle));
    return [...before, ...(await readPortion(services, userId, portion.slice(middle)))];
  }
}

/** A buffer that nothing else uses, for it will be another thread's; one large slice has its own already. */
function ownBytes(portion: Slice[], length: number): Uint8Array<ArrayBuffer> {
  const slice = portion[0]?.[1];
  if (slice && portion.length === 1 && slice.byteOffset === 0 && hasOwnMemory(slice) && !isShared(slice)) {
    return new Uint8Array(slice.buffer, 0, length);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const [, slice] of portion) {
    bytes.set(slice, at);
    at += slice.length;
  }
  return bytes;
}

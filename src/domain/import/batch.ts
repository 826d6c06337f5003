import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, zstdCompressSync } from 'node:zlib';
import { v7 as uuidv7 } from 'uuid';
import type { ArchiveConversation } from '../../archive/types.ts';
import type { Services, Transaction } from '../services.ts';
import { type Lease, lockTask, type Tally, type TaskChange, writeTask } from '../sync/lease.ts';
import { mergeAllIntoExisting } from './merge.ts';
import { clearBrokenShards, clearRetried, type Problem, writeProblems } from './problems.ts';
import { createConversationEncoder, createRowBatch, type EncodedConversation } from './rows.ts';

const SMALL_BYTES = 256 * 1024;
const { ZSTD_c_compressionLevel, ZSTD_c_hashLog } = constants;

/**
 * In this thread: told the size beforehand, zstd takes less time for one conversation than handing it to another
 * thread does, and hundreds of streams at once would each hold a megabyte. For a usual conversation most of the time
 * goes into clearing zstd's table, of which 2^12 entries compress as well.
 */
const compress = (bytes: Buffer) =>
  zstdCompressSync(bytes, {
    params: {
      [ZSTD_c_compressionLevel]: 1,
      ...(bytes.length < SMALL_BYTES ? { [ZSTD_c_hashLog]: 12 } : {}),
    },
    pledgedSrcSize: bytes.length,
    chunkSize: Math.max(1_024, bytes.length >> 1),
  });

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

interface Version {
  place: Place;
  sha256: Buffer;
  /** Compressed. */
  raw: Buffer;
  /** What it gets when it is new. */
  id: string;
  encoded: EncodedConversation;
  conversation: Pick<ArchiveConversation, 'provider' | 'externalId' | 'title' | 'updatedAtMs' | 'warnings'>;
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
 * Reads a batch. Bytes that the user already has are known by their hash and not even parsed. Needs no lock, so that
 * one batch is read while the one before is written. Each conversation is encoded at once, as if it were new, so that
 * nothing of its objects outlives it.
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
  const encode = createConversationEncoder(userId);
  for (const [index, { shard, element, content }] of elements.entries()) {
    const place = { shard, element };
    batch.places.push(place);
    const hash = hashes[index]?.toString('hex');
    if (hash && known.has(hash)) {
      batch.tally.unchanged += 1;
      continue;
    }
    const result = 'bytes' in content ? services.reader.read(content.bytes) : unreadable(content);
    if (result.kind !== 'conversation') {
      const { kind, ...problem } = result;
      batch.tally[kind] += 1;
      batch.problems.push({ ...place, ...problem, outcome: kind === 'skipped' ? 'SKIPPED' : 'FAILED' });
      continue;
    }
    if (!('bytes' in content) || !hash) continue;
    known.add(hash);
    const { provider, externalId, title, updatedAtMs, warnings } = result.conversation;
    const id = uuidv7();
    batch.versions.push({
      place,
      sha256: Buffer.from(hash, 'hex'),
      raw: compress(content.bytes),
      id,
      encoded: encode({ id, conversation: result.conversation }),
      conversation: { provider, externalId, title, updatedAtMs, warnings },
    });
    // The batch before is being sent meanwhile.
    await turn();
  }
  return batch;
}

const turn = promisify(setImmediate);

const unreadable = (content: { code: string; reason: string }) => ({
  kind: 'failed' as const,
  externalId: null,
  title: null,
  ...content,
});

async function knownHashes(
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

/**
 * Writes a batch, its problems, its counts and `change` (with the checkpoint behind it) in one transaction: a crash
 * loses the whole batch or nothing. A conversation that the database refuses is found by halving the batch, and is a
 * problem of its own. Answers the task's new seq. Throws a LeaseLostError when another worker has the task.
 */
export async function writeBatch(
  services: Services,
  lease: Lease,
  batch: PreparedBatch,
  change: TaskChange,
): Promise<number> {
  try {
    return await writeAtOnce(services, lease, batch, change);
  } catch (error) {
    if (!isRefusal(error) || batch.versions.length === 0) throw error;
    const [first] = batch.versions;
    if (first && batch.versions.length === 1) {
      services.logger.warn({ error }, 'the database refused a conversation');
      return writeAtOnce(services, lease, withoutVersion(batch, first), change);
    }
    const middle = Math.ceil(batch.versions.length / 2);
    const half = { ...batch, versions: batch.versions.slice(0, middle) };
    // The checkpoint comes with the second half: a crash in between finds the first half again, as unchanged.
    await writeBatch(
      services,
      lease,
      { ...half, places: [], ended: [], problems: [], tally: emptyTally() },
      {},
    );
    return writeBatch(services, lease, { ...batch, versions: batch.versions.slice(middle) }, change);
  }
}

/** Whether PostgreSQL refused the data themselves (classes 22 and 54), not the connection or the moment. */
const isRefusal = (error: unknown) => /^(?:22|54)/.test((error as { code?: string } | null)?.code ?? '');

function withoutVersion(batch: PreparedBatch, { place, conversation }: Version): PreparedBatch {
  const { externalId, title } = conversation;
  const reason = 'The database could not store it; the server’s log says why.';
  const problem: Problem = { ...place, externalId, title, outcome: 'FAILED', code: 'NOT_STORABLE', reason };
  const tally = { ...batch.tally, failed: batch.tally.failed + 1 };
  return { ...batch, versions: [], tally, problems: [...batch.problems, problem] };
}

async function writeAtOnce(
  services: Services,
  lease: Lease,
  batch: PreparedBatch,
  change: TaskChange,
): Promise<number> {
  return services.database.transaction(async (tx) => {
    await lockTask(tx, lease);
    const tally = { ...batch.tally };
    const problems = [...batch.problems];
    const rows = createRowBatch(lease.userId);
    // The batch before may have brought the same bytes after this one was prepared.
    const known = await knownHashes(
      tx,
      lease.userId,
      batch.versions.map((version) => version.sha256),
    );
    const fresh = batch.versions.filter((version) => !known.has(version.sha256.toString('hex')));
    tally.unchanged += batch.versions.length - fresh.length;
    const ids = await existingIds(tx, lease.userId, fresh);
    const changed = new Map<string, number>();
    for (const { place, sha256, raw, id: newId, encoded, conversation } of fresh) {
      const key = keyOf(conversation);
      const existing = ids.get(key);
      const id = existing ?? newId;
      if (existing) {
        changed.set(id, (changed.get(id) ?? 0) + 1);
      } else {
        ids.set(key, id);
        rows.addConversation(encoded);
        tally.added += 1;
        tally.messagesAdded += encoded.messages.rows;
      }
      rows.addVersion({
        sha256,
        conversationId: id,
        taskId: lease.taskId,
        updatedAtMs: conversation.updatedAtMs,
        raw,
      });
      const { externalId, title } = conversation;
      for (const warning of conversation.warnings) {
        problems.push({ ...place, ...warning, externalId, title, conversationId: id, outcome: 'WARNING' });
      }
    }
    await rows.copyInto(tx);
    const merged = await mergeAllIntoExisting(services, tx, lease.userId, [...changed.keys()]);
    for (const [id, versions] of changed) {
      const result = merged.get(id);
      tally.messagesAdded += result?.messagesAdded ?? 0;
      // Several forms of one conversation in one batch: the merge answers for all of them.
      tally[result?.changed ? 'updated' : 'unchanged'] += versions;
    }
    if (lease.retry) await clearRetried(tx, lease, batch.places);
    await clearBrokenShards(tx, lease, batch.ended);
    await writeProblems(tx, lease, problems);
    return writeTask(tx, lease, { ...change, tally });
  });
}

const keyOf = (conversation: { provider: string; externalId: string }) =>
  `${conversation.provider} ${conversation.externalId}`;

async function existingIds(
  tx: Transaction,
  userId: string,
  versions: Version[],
): Promise<Map<string, string>> {
  if (versions.length === 0) return new Map();
  const rows = await tx.query<{ id: string; provider: string; externalId: string }>(
    `SELECT c.id, c.provider, c.external_id AS "externalId" FROM conversations c
     JOIN unnest($2::text[], $3::text[]) AS wanted (provider, external_id) USING (provider, external_id)
     WHERE c.user_id = $1`,
    [
      userId,
      versions.map((version) => version.conversation.provider),
      versions.map((version) => version.conversation.externalId),
    ],
  );
  return new Map(rows.map((row) => [keyOf(row), row.id]));
}

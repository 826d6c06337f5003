import { giveBack } from '../../own-memory.ts';
import type { Services, Transaction } from '../services.ts';
import { type Lease, lockTask, type Tally, type TaskChange, writeTask } from '../sync/lease.ts';
import { emptyTally, knownHashes, type PreparedBatch, type Version } from './batch.ts';
import { isDamage, markDamaged } from './damaged.ts';
import { mergeAllIntoExisting } from './merge.ts';
import { createMergeSizes, MAX_MERGED_BYTES } from './merge-size.ts';
import { partsOf } from './prepare.ts';
import { clearBrokenShards, clearRetried, type Problem, writeProblems } from './problems.ts';
import { createRowBatch, type NewRows, type SentRows } from './rows.ts';

/** A batch has a third of it, but for a single conversation of many megabytes. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024;

/** What came of versions, in addition to what a batch knew before. */
type Written = Pick<PreparedBatch, 'tally' | 'problems'> & { added: NewRows | null };

/**
 * Writes a batch, its problems, its counts and `change` (with the checkpoint behind it) in one transaction: a crash
 * loses the whole batch or nothing. A conversation that the database refuses is found by halving the batch, and is a
 * problem of its own. Answers the task's new seq, and the conversations that are new as they were sent, unless these are many
 * megabytes. Throws a LeaseLostError when another worker has the task. Once it has answered, the batch's bytes are gone.
 */
export async function writeBatch(
  services: Services,
  lease: Lease,
  batch: PreparedBatch,
  change: TaskChange,
): Promise<{ seq: number; added: NewRows | null; tally: Tally }> {
  const write = (writeSome: typeof writeVersions) =>
    services.database.transaction(async (tx) => {
      await lockTask(tx, lease);
      const written = sum({ ...batch, added: null }, await writeSome(services, tx, lease, batch.versions));
      if (lease.retry) await clearRetried(tx, lease, batch.places);
      await clearBrokenShards(tx, lease, batch.ended);
      await writeProblems(tx, lease, written.problems);
      if (written.problems.some(isDamage)) await markDamaged(services, tx, lease);
      const seq = await writeTask(tx, lease, { ...change, tally: written.tally });
      return { seq, added: written.added, tally: written.tally };
    });
  const written = await write(writeVersions).catch((error) => {
    if (!isRefusal(error) || batch.versions.length === 0) throw error;
    return write(writeByHalves);
  });
  const { added } = written;
  const kept = new Set(
    [...(added?.conversations ?? []), ...(added?.messages ?? [])].map(({ buffer }) => buffer),
  );
  giveBack(...batch.versions.flatMap(partsOf).filter(({ buffer }) => !kept.has(buffer as ArrayBuffer)));
  return written;
}

/**
 * Whether it is the data: PostgreSQL refused them (classes 22 and 54), not the connection or the moment, or nobody here thought of
 * such data.
 */
const isRefusal = (error: unknown) =>
  error instanceof TypeError ||
  error instanceof RangeError ||
  /^(?:22|54)/.test((error as { code?: string } | null)?.code ?? '');

function sum(a: Written, b: Written): Written {
  const tally = { ...a.tally };
  for (const [key, count] of Object.entries(b.tally)) tally[key as keyof typeof tally] += count;
  return { tally, problems: [...a.problems, ...b.problems], added: a.added ?? b.added };
}

/** Goes back to before the versions when one of them is refused, and on with each half. */
async function writeByHalves(
  services: Services,
  tx: Transaction,
  lease: Lease,
  versions: Version[],
): Promise<Written> {
  await tx.execute('SAVEPOINT half');
  try {
    const written = await writeVersions(services, tx, lease, versions);
    await tx.execute('RELEASE SAVEPOINT half');
    // A savepoint is a transaction of its own.
    return { ...written, added: null };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    await tx.execute('ROLLBACK TO SAVEPOINT half');
    await tx.execute('RELEASE SAVEPOINT half');
    const [first] = versions;
    if (first && versions.length === 1) {
      services.logger.warn({ error }, 'a conversation could not be stored');
      return refused(first);
    }
    const middle = Math.ceil(versions.length / 2);
    const before = await writeByHalves(services, tx, lease, versions.slice(0, middle));
    return sum(before, await writeByHalves(services, tx, lease, versions.slice(middle)));
  }
}

function refused({ place, externalId, title }: Version): Written {
  const reason = 'It could not be stored; the server’s log says why.';
  const problem: Problem = { ...place, externalId, title, outcome: 'FAILED', code: 'NOT_STORABLE', reason };
  return { tally: { ...emptyTally(), failed: 1 }, problems: [problem], added: null };
}

async function writeVersions(
  services: Services,
  tx: Transaction,
  lease: Lease,
  versions: Version[],
): Promise<Written> {
  const tally = emptyTally();
  const problems: Problem[] = [];
  const rows = createRowBatch(lease.userId);
  // The batch before may have brought the same bytes after this one was prepared.
  const known = await knownHashes(
    tx,
    lease.userId,
    versions.map((version) => version.sha256),
  );
  const fresh = versions.filter((version) => !known.has(version.sha256.toString('hex')));
  tally.unchanged += versions.length - fresh.length;
  const { ids, deleted, bytes } = await whatIsKnown(tx, lease.userId, fresh);
  const sizes = createMergeSizes(services, tx, lease.userId, bytes);
  const changed = new Map<string, number>();
  const added: string[] = [];
  for (const version of fresh) {
    const key = keyOf(version);
    if (deleted.has(key)) {
      tally.skipped += 1;
      problems.push(deletedByUser(version));
      continue;
    }
    const existing = ids.get(key);
    const id = existing ?? version.id;
    const mergedBytes = existing ? await sizes.sizeWith(id, version) : 0;
    if (mergedBytes > MAX_MERGED_BYTES) {
      tally.failed += 1;
      problems.push(tooLargeToMerge(version, id, mergedBytes));
      continue;
    }
    sizes.add(id, version);
    if (existing) {
      changed.set(id, (changed.get(id) ?? 0) + 1);
    } else {
      ids.set(key, id);
      rows.addConversation(version.encoded);
      added.push(id);
      tally.added += 1;
      tally.messagesAdded += version.encoded.messages.rows;
    }
    const { sha256, updatedAtMs, raw, sizeBytes, place, externalId, title } = version;
    rows.addVersion({ sha256, conversationId: id, taskId: lease.taskId, updatedAtMs, raw, sizeBytes });
    for (const warning of version.warnings) {
      problems.push({ ...place, ...warning, externalId, title, conversationId: id, outcome: 'WARNING' });
    }
  }
  const sent = await rows.copyInto(tx);
  const merged = await mergeAllIntoExisting(services, tx, lease.userId, [...changed.keys()]);
  for (const [id, count] of changed) {
    const result = merged.get(id);
    tally.messagesAdded += result?.messagesAdded ?? 0;
    // Several forms of one conversation in one batch: the merge answers for all of them.
    tally[result?.changed ? 'updated' : 'unchanged'] += count;
  }
  // Of two forms in one batch the second has changed what was sent.
  const isSent = added.length > 0 && !added.some((id) => changed.has(id));
  return { tally, problems, added: isSent ? await newRows(tx, added, sent) : null };
}

/** Null when they are too large to be kept for later. */
async function newRows(tx: Transaction, ids: string[], sent: SentRows): Promise<NewRows | null> {
  const bytes = [...sent.conversations, ...sent.messages].reduce((sum, piece) => sum + piece.length, 0);
  if (bytes > MAX_KEPT_BYTES) return null;
  const [row] = await tx.query<{ id: string }>('SELECT pg_current_xact_id()::xid::text AS id');
  return row ? { ...sent, ids, bytes, transactionId: row.id } : null;
}

const keyOf = (conversation: { provider: string; externalId: string }) =>
  `${conversation.provider} ${conversation.externalId}`;

/** Without its title: nothing of a conversation that was deleted is written again. */
const deletedByUser = ({ place, externalId }: Version): Problem => ({
  ...place,
  externalId,
  outcome: 'SKIPPED',
  code: 'DELETED_BY_YOU',
  reason: 'Skipped: deleted by you.',
});

function tooLargeToMerge(
  { place, externalId, title }: Version,
  conversationId: string,
  bytes: number,
): Problem {
  const reason =
    `Merged with what earlier imports brought of it, it would be ${Math.ceil(bytes / 1024 ** 2)} MB of JSON, more than ` +
    `the ${MAX_MERGED_BYTES / 1024 ** 2} MB that are read at once. It stays as it is. Undoing earlier imports ` +
    'can make room, and so can `npm run reparse` on the server, which finds anew which of their forms need not be read.';
  const code = 'TOO_LARGE_TO_MERGE';
  return { ...place, externalId, title, conversationId, outcome: 'FAILED', code, reason };
}

/** The ids of conversations that are there, the bytes of all versions of each, and which ones their user deleted. */
async function whatIsKnown(
  tx: Transaction,
  userId: string,
  versions: Version[],
): Promise<{ ids: Map<string, string>; bytes: Map<string, number>; deleted: Set<string> }> {
  if (versions.length === 0) return { ids: new Map(), bytes: new Map(), deleted: new Set() };
  const rows = await tx.query<{ id: string | null; provider: string; externalId: string; bytes: number }>(
    `WITH wanted AS (SELECT * FROM unnest($2::text[], $3::text[]) AS v (provider, external_id))
     SELECT c.id, c.provider, c.external_id AS "externalId",
       (SELECT coalesce(sum(v.size_bytes), 0)::float8 FROM conversation_versions v
        WHERE v.user_id = $1 AND v.conversation_id = c.id) AS bytes
     FROM conversations c JOIN wanted USING (provider, external_id) WHERE c.user_id = $1
     UNION ALL SELECT NULL, d.provider, d.external_id, 0 FROM deleted_conversations d
     JOIN wanted USING (provider, external_id) WHERE d.user_id = $1`,
    [userId, versions.map((version) => version.provider), versions.map((version) => version.externalId)],
  );
  return {
    ids: new Map(rows.flatMap((row) => (row.id === null ? [] : [[keyOf(row), row.id]]))),
    bytes: new Map(rows.flatMap((row) => (row.id === null ? [] : [[row.id, row.bytes]]))),
    deleted: new Set(rows.filter((row) => row.id === null).map(keyOf)),
  };
}

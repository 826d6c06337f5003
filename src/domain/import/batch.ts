import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { zstdCompress } from 'node:zlib';
import { v7 as uuidv7 } from 'uuid';
import type { ArchiveConversation } from '../../archive/types.ts';
import type { Services, Transaction } from '../services.ts';
import { type Lease, lockTask, type Tally, type TaskChange, writeTask } from '../sync/lease.ts';
import { mergeIntoExisting } from './merge.ts';
import { type Problem, writeProblems } from './problems.ts';
import { createRowBatch } from './rows.ts';

const compress = promisify(zstdCompress);

/** The bytes of one conversation in the export, or why there are none. */
export interface Element {
  shard: string;
  /** 0-based position in the shard. */
  element: number;
  content: { bytes: Buffer } | { code: string; reason: string };
}

interface Version {
  sha256: Buffer;
  bytes: Buffer;
  conversation: ArchiveConversation;
}

/** Elements that were read and compared with what is known, ready to be written. */
export interface PreparedBatch {
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
 * one batch is read while the one before is written.
 */
export async function prepareBatch(
  services: Services,
  userId: string,
  elements: Element[],
): Promise<PreparedBatch> {
  const batch: PreparedBatch = { versions: [], problems: [], tally: emptyTally() };
  const hashes = elements.map(({ content }) =>
    'bytes' in content ? createHash('sha256').update(content.bytes).digest() : null,
  );
  const known = await knownHashes(services, userId, hashes);
  for (const [index, { shard, element, content }] of elements.entries()) {
    const sha256 = hashes[index];
    if (!('bytes' in content) || !sha256) {
      batch.tally.failed += 1;
      if (!('bytes' in content)) batch.problems.push({ shard, element, outcome: 'FAILED', ...content });
      continue;
    }
    if (known.has(sha256.toString('hex'))) {
      batch.tally.unchanged += 1;
      continue;
    }
    known.add(sha256.toString('hex'));
    const result = services.reader.read(content.bytes);
    if (result.kind === 'conversation') {
      const { conversation } = result;
      batch.versions.push({ sha256, bytes: content.bytes, conversation });
      for (const warning of conversation.warnings) {
        const { externalId, title } = conversation;
        batch.problems.push({ shard, element, outcome: 'WARNING', ...warning, externalId, title });
      }
      continue;
    }
    batch.tally[result.kind] += 1;
    batch.problems.push({
      shard,
      element,
      outcome: result.kind === 'skipped' ? 'SKIPPED' : 'FAILED',
      code: result.code,
      reason: result.reason,
      externalId: result.externalId,
      title: result.title,
    });
  }
  return batch;
}

async function knownHashes(
  services: Services,
  userId: string,
  hashes: (Buffer | null)[],
): Promise<Set<string>> {
  const wanted = hashes.filter((hash) => hash !== null);
  if (wanted.length === 0) return new Set();
  const rows = await services.database.query<{ sha256: string }>(
    `SELECT encode(sha256, 'hex') AS sha256 FROM conversation_versions
     WHERE user_id = $1 AND sha256 = ANY($2::bytea[])`,
    [userId, wanted],
  );
  return new Set(rows.map((row) => row.sha256));
}

/**
 * Writes a batch, its problems, its counts and `change` (with the checkpoint behind it) in one transaction: a crash
 * loses the whole batch or nothing. Answers the task's new seq. Throws a LeaseLostError when another worker has the task.
 */
export async function writeBatch(
  services: Services,
  lease: Lease,
  batch: PreparedBatch,
  change: TaskChange,
): Promise<number> {
  const raws = await Promise.all(batch.versions.map((version) => compress(version.bytes)));
  return services.database.transaction(async (tx) => {
    await lockTask(tx, lease);
    const tally = { ...batch.tally };
    const rows = createRowBatch(lease.userId);
    const ids = await existingIds(tx, lease.userId, batch.versions);
    const changed = new Map<string, number>();
    for (const [index, version] of batch.versions.entries()) {
      const key = keyOf(version.conversation);
      const existing = ids.get(key);
      const id = existing ?? uuidv7();
      if (existing) {
        changed.set(id, (changed.get(id) ?? 0) + 1);
      } else {
        ids.set(key, id);
        const planned = { id, conversation: version.conversation };
        rows.addConversation(planned);
        rows.addMessages(planned, version.conversation.messages);
        tally.added += 1;
        tally.messagesAdded += version.conversation.messages.length;
      }
      rows.addVersion({
        sha256: version.sha256,
        conversationId: id,
        taskId: lease.taskId,
        updatedAtMs: version.conversation.updatedAtMs,
        raw: raws[index] ?? new Uint8Array(),
      });
    }
    await rows.copyInto(tx);
    for (const [id, versions] of changed) {
      const merged = await mergeIntoExisting(services, tx, lease.userId, id);
      tally.messagesAdded += merged.messagesAdded;
      // Several forms of one conversation in one batch: the merge answers for all of them.
      tally[merged.changed ? 'updated' : 'unchanged'] += versions;
    }
    await writeProblems(tx, lease, batch.problems);
    const seq = await writeTask(tx, lease, { ...change, tally });
    return seq;
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

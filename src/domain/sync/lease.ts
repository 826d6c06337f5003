import { randomUUID } from 'node:crypto';
import type { SyncPhase, SyncStatus } from '../../generated/prisma/client.ts';
import type { Services, Transaction } from '../services.ts';
import { type Origin, parseOrigin } from './origin.ts';
import { taskSealContext } from './task.ts';

/** A task that was begun this often without one committed batch is given up. */
export const MAX_FRUITLESS_ATTEMPTS = 4;

/** Where a restarted import goes on: everything before this element of this shard is committed. */
export interface Checkpoint {
  shard: string;
  /** 0-based; the next element to read. */
  element: number;
}

export interface Tally {
  added: number;
  updated: number;
  unchanged: number;
  skipped: number;
  failed: number;
  messagesAdded: number;
  assetsAdded: number;
}

/** A worker's right to write a task. Whoever claims the task next makes this one worthless. */
export interface Lease {
  userId: string;
  taskId: string;
  token: string;
  checkpoint: Checkpoint | null;
  /** Where the archive comes from, in clear for the worker alone; null when it was sent here. */
  origin: Origin | null;
  /** Beginnings without a committed batch, this one included. */
  fruitless: number;
  /** Set when only what failed before is to be imported again. */
  retry: RetryFilter | null;
}

/** Which elements of an archive a retry is about. */
export interface RetryFilter {
  /** Whether the shard holds any. */
  concerns(shard: string): boolean;
  includes(shard: string, element: number): boolean;
}

/** The task was cancelled, or another worker has it: stop at once and write nothing more. */
export class LeaseLostError extends Error {
  constructor() {
    super('This worker no longer holds the task.');
    this.name = 'LeaseLostError';
  }
}

/**
 * Begins or resumes a task; null when it is over, or was given up here because it only ever killed its workers.
 * Throws a SyncError when the source can no longer be read.
 */
export async function claimTask(services: Services, userId: string, taskId: string): Promise<Lease | null> {
  const token = randomUUID();
  const [row] = await services.database.query<{
    seq: number;
    fruitless: number;
    retrying: boolean;
    checkpoint: Checkpoint | null;
    source_sealed: Uint8Array | null;
  }>(
    `UPDATE sync_tasks SET status = 'RUNNING', lease_token = $3, attempt = attempt + 1, fruitless = fruitless + 1,
       started_at = coalesce(started_at, now()), heartbeat_at = now(), seq = seq + 1
     WHERE user_id = $1 AND id = $2 AND status IN ('QUEUED', 'RUNNING')
     RETURNING seq, fruitless, retrying, checkpoint, source_sealed`,
    [userId, taskId, token],
  );
  if (!row) return null;
  const lease: Lease = {
    userId,
    taskId,
    token,
    checkpoint: row.checkpoint,
    origin: null,
    fruitless: row.fruitless,
    retry: row.retrying ? await loadRetryFilter(services, userId, taskId) : null,
  };
  await announce(services, lease, row.seq);
  if (row.fruitless > MAX_FRUITLESS_ATTEMPTS) {
    await finishTask(services, lease, {
      code: 'WORKER_CRASHED',
      message: `The import ended its worker ${MAX_FRUITLESS_ATTEMPTS} times without getting any further.`,
    });
    return null;
  }
  if (row.source_sealed) {
    lease.origin = parseOrigin(services.secrets.open(row.source_sealed, taskSealContext(taskId)));
  }
  return lease;
}

/** Holds the task's row until the commit: a worker that was taken for dead waits here and is then refused. */
export async function lockTask(tx: Transaction, lease: Lease): Promise<void> {
  const held = await tx.query(
    `SELECT FROM sync_tasks WHERE user_id = $1 AND id = $2 AND lease_token = $3 AND status = 'RUNNING' FOR UPDATE`,
    [lease.userId, lease.taskId, lease.token],
  );
  if (held.length === 0) throw new LeaseLostError();
}

async function loadRetryFilter(services: Services, userId: string, taskId: string): Promise<RetryFilter> {
  const rows = await services.database.query<{ entry: string; element: number; restOfShard: boolean }>(
    `SELECT entry, element, rest_of_shard AS "restOfShard" FROM sync_problems
     WHERE user_id = $1 AND task_id = $2 AND retrying`,
    [userId, taskId],
  );
  const single = new Map<string, Set<number>>();
  const rest = new Map<string, number>();
  for (const { entry, element, restOfShard } of rows) {
    if (restOfShard) rest.set(entry, element);
    else single.set(entry, (single.get(entry) ?? new Set()).add(element));
  }
  return {
    concerns: (shard) => single.has(shard) || rest.has(shard),
    includes: (shard, element) =>
      element >= (rest.get(shard) ?? Number.POSITIVE_INFINITY) || (single.get(shard)?.has(element) ?? false),
  };
}

/** What one write to the task's row may change; counts are added to what stands there. */
export interface TaskChange {
  phase?: SyncPhase;
  fraction?: number;
  bytesDone?: number;
  bytesTotal?: number;
  conversationsTotal?: number;
  /** Given together with `etaSeconds`. */
  perSecond?: number | null;
  etaSeconds?: number | null;
  checkpoint?: Checkpoint;
  /** Added to what stands there. */
  filesProcessed?: number;
  tally?: Tally;
}

/**
 * Writes the task's row, in the transaction that holds the rows it speaks of, and answers its new seq. Locks the row,
 * so that of two workers only the holder goes on. Throws a LeaseLostError when this worker is not the holder.
 */
export async function writeTask(
  tx: Pick<Transaction, 'query'>,
  lease: Lease,
  change: TaskChange,
): Promise<number> {
  const { tally } = change;
  const [row] = await tx.query<{ seq: number }>(
    `UPDATE sync_tasks SET
       seq = seq + 1, heartbeat_at = now(),
       phase = coalesce($4::"SyncPhase", phase),
       fraction = greatest(fraction, coalesce($5, fraction)),
       bytes_done = coalesce($6, bytes_done),
       bytes_total = coalesce($7, bytes_total),
       conversations_total = CASE WHEN coalesce($8, conversations_total) IS NOT NULL THEN
         greatest(coalesce($8, conversations_total), conversations_done + $12 + $13 + $14 + $15 + $16) END,
       per_second = CASE WHEN $17 THEN $9 ELSE per_second END,
       eta_seconds = CASE WHEN $17 THEN $10 ELSE eta_seconds END,
       checkpoint = coalesce($11::jsonb, checkpoint),
       fruitless = CASE WHEN $11 IS NULL THEN fruitless ELSE 0 END,
       added = added + $12, updated = updated + $13, unchanged = unchanged + $14, skipped = skipped + $15,
       failed = failed + $16, conversations_done = conversations_done + $12 + $13 + $14 + $15 + $16,
       messages_added = messages_added + $18, assets_added = assets_added + $19,
       files_processed = files_processed + $20
     WHERE user_id = $1 AND id = $2 AND lease_token = $3 AND status = 'RUNNING'
     RETURNING seq`,
    [
      lease.userId,
      lease.taskId,
      lease.token,
      change.phase ?? null,
      change.fraction ?? null,
      change.bytesDone ?? null,
      change.bytesTotal ?? null,
      change.conversationsTotal ?? null,
      change.perSecond ?? null,
      change.etaSeconds ?? null,
      change.checkpoint ? JSON.stringify(change.checkpoint) : null,
      tally?.added ?? 0,
      tally?.updated ?? 0,
      tally?.unchanged ?? 0,
      tally?.skipped ?? 0,
      tally?.failed ?? 0,
      change.perSecond !== undefined,
      tally?.messagesAdded ?? 0,
      tally?.assetsAdded ?? 0,
      change.filesProcessed ?? 0,
    ],
  );
  if (!row) throw new LeaseLostError();
  return row.seq;
}

/** Says that the row changed. A lost event costs a listener at most its next safety poll. */
export async function announce(services: Services, lease: Lease, seq: number): Promise<void> {
  await services.events.publish('syncTask', lease.userId, { taskId: lease.taskId, seq }).catch((error) => {
    services.logger.warn({ error, taskId: lease.taskId }, 'an event was not published');
  });
}

/**
 * Ends the task: COMPLETED when all that was found is in, PARTIAL when something is missing, FAILED when nothing came
 * of it or when `error` says why it could not go on. Answers which. Throws a LeaseLostError when it is not this worker's any more.
 */
export async function finishTask(
  services: Services,
  lease: Lease,
  error?: { code: string; message: string },
): Promise<SyncStatus> {
  const { seq, status } = await services.database.transaction(async (tx) => {
    const [found] = await tx.query<Tally & { problems: boolean }>(
      `SELECT added, updated, unchanged, skipped, failed, EXISTS (SELECT FROM sync_problems p
         WHERE p.user_id = $1 AND p.task_id = $2 AND p.outcome = 'FAILED') AS problems
       FROM sync_tasks
       WHERE user_id = $1 AND id = $2 AND lease_token = $3 AND status = 'RUNNING' FOR UPDATE`,
      [lease.userId, lease.taskId, lease.token],
    );
    if (!found) throw new LeaseLostError();
    found.failed += await giveUpRetries(tx, lease);
    const ending = error ? { status: 'FAILED' as const, error } : judge(found);
    const failed = ending.status === 'FAILED';
    const [row] = await tx.query<{ seq: number }>(
      `UPDATE sync_tasks SET status = $3::"SyncStatus", error_code = $4, error_message = $5, phase = 'DONE',
         fraction = CASE WHEN $6 THEN fraction ELSE 1 END,
         conversations_total = CASE WHEN $6 THEN conversations_total ELSE conversations_done END,
         per_second = NULL, eta_seconds = NULL, heartbeat_at = NULL, lease_token = NULL, finished_at = now(),
         seq = seq + 1, retrying = false,
         source_sealed = CASE WHEN $3::text = 'COMPLETED' THEN NULL ELSE source_sealed END
       WHERE user_id = $1 AND id = $2 RETURNING seq`,
      [
        lease.userId,
        lease.taskId,
        ending.status,
        ending.error?.code ?? null,
        ending.error?.message ?? null,
        failed,
      ],
    );
    if (!failed) {
      await tx.execute('UPDATE sync_configs SET last_sync_at = now() WHERE user_id = $1', [lease.userId]);
    }
    return { seq: row?.seq ?? 0, status: ending.status };
  });
  await announce(services, lease, seq);
  return status;
}

/** What a retry was to import and did not meet again has failed as before. Answers how many conversations that are. */
async function giveUpRetries(tx: Transaction, lease: Lease): Promise<number> {
  const [row] = await tx.query<{ conversations: number }>(
    `WITH left_over AS (
       UPDATE sync_problems SET retrying = false WHERE user_id = $1 AND task_id = $2 AND retrying
       RETURNING rest_of_shard
     ), counted AS (SELECT count(*) FILTER (WHERE NOT rest_of_shard)::int AS conversations FROM left_over)
     UPDATE sync_tasks SET failed = failed + conversations, conversations_done = conversations_done + conversations
     FROM counted WHERE user_id = $1 AND id = $2 RETURNING conversations`,
    [lease.userId, lease.taskId],
  );
  return row?.conversations ?? 0;
}

/** The counts decide how a run ended, so that success can never hide a failure. */
function judge(found: Tally & { problems: boolean }): {
  status: SyncStatus;
  error?: { code: string; message: string };
} {
  const arrived = found.added + found.updated + found.unchanged + found.skipped;
  if (arrived === 0 && found.failed === 0) {
    return {
      status: 'FAILED',
      error: { code: 'NOTHING_FOUND', message: 'The export holds no conversation.' },
    };
  }
  if (arrived === 0) {
    const message = 'Not one conversation of the export could be imported; see its problems.';
    return { status: 'FAILED', error: { code: 'NOTHING_IMPORTED', message } };
  }
  return { status: found.failed > 0 || found.problems ? 'PARTIAL' : 'COMPLETED' };
}

/** Gives a task back to the queue on shutdown, without using up an attempt. */
export async function releaseTask(services: Services, lease: Lease): Promise<void> {
  await services.database.query(
    `UPDATE sync_tasks SET status = 'QUEUED', lease_token = NULL, attempt = attempt - 1,
       fruitless = greatest(fruitless - 1, 0), seq = seq + 1
     WHERE user_id = $1 AND id = $2 AND lease_token = $3 AND status = 'RUNNING'`,
    [lease.userId, lease.taskId, lease.token],
  );
}

import type { SyncPhase } from '../../generated/prisma/client.ts';
import { type HeldLease, holdsLeased, LeaseLostError, lockLeased } from '../lease.ts';
import type { Services, Transaction } from '../services.ts';
import type { Origin } from './origin.ts';

export { LeaseLostError } from '../lease.ts';

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

/** A worker's right to write a sync, and what it has to know of it. */
export interface Lease extends HeldLease {
  checkpoint: Checkpoint | null;
  /** Conversations that earlier runs have dealt with. */
  conversationsBefore: number;
  /** What those came to is to be counted again, once the archive is there. */
  beginsAnew: boolean;
  /** Where the archive comes from, in clear for the worker alone; null when it was sent here. */
  origin: Origin | null;
  /** Beginnings that got no further than an earlier one, this one included. */
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

/** Holds the task's row until the commit, as `lockLeased` does. */
export const lockTask = (tx: Transaction, lease: Lease): Promise<void> => lockLeased(tx, 'sync_tasks', lease);

/** Whether the task is still this worker's, as `holdsLeased` does. */
export const holdsTask = (services: Services, lease: Lease): Promise<boolean> =>
  holdsLeased(services, 'sync_tasks', lease);

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
  /** All so far; never falls. */
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
       fruitless = CASE WHEN $11 IS NOT NULL OR $5 > fraction THEN 0 ELSE fruitless END,
       added = added + $12, updated = updated + $13, unchanged = unchanged + $14, skipped = skipped + $15,
       failed = failed + $16, conversations_done = conversations_done + $12 + $13 + $14 + $15 + $16,
       messages_added = messages_added + $18, assets_added = assets_added + $19,
       files_processed = greatest(files_processed, $20)
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
export async function announce(
  services: Services,
  lease: Pick<Lease, 'userId' | 'taskId'>,
  seq: number,
): Promise<void> {
  await services.events.publish('syncTask', lease.userId, { taskId: lease.taskId, seq }).catch((error) => {
    services.logger.warn({ error, taskId: lease.taskId }, 'an event was not published');
  });
}

/** Gives a task back to the queue on shutdown, without using up an attempt. */
export async function releaseTask(services: Services, lease: Lease): Promise<void> {
  const [row] = await services.database.query<{ seq: number }>(
    `UPDATE sync_tasks SET status = 'QUEUED', phase = 'WAITING', per_second = NULL, eta_seconds = NULL,
       lease_token = NULL, attempt = attempt - 1, fruitless = greatest(fruitless - 1, 0), seq = seq + 1
     WHERE user_id = $1 AND id = $2 AND lease_token = $3 AND status = 'RUNNING' RETURNING seq`,
    [lease.userId, lease.taskId, lease.token],
  );
  if (row) await announce(services, lease, row.seq);
}

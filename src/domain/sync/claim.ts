import { randomUUID } from 'node:crypto';
import { SyncError } from '../errors.ts';
import type { Services } from '../services.ts';
import { finishTask } from './finish.ts';
import { announce, type Checkpoint, type Lease, type RetryFilter } from './lease.ts';
import { parseOrigin } from './origin.ts';
import { taskSealContext } from './task.ts';

/** A task that was begun this often without getting further than before is given up. */
export const MAX_FRUITLESS_ATTEMPTS = 4;

/**
 * Begins or resumes a task; null when it is over, or was given up here because it only ever killed its workers or its
 * source cannot be unsealed any more.
 */
export async function claimTask(services: Services, userId: string, taskId: string): Promise<Lease | null> {
  const token = randomUUID();
  const [row] = await services.database.query<{
    seq: number;
    fruitless: number;
    retrying: boolean;
    checkpoint: Checkpoint | null;
    conversations_done: number;
    begins_anew: boolean;
    source_sealed: Uint8Array | null;
  }>(
    `UPDATE sync_tasks SET status = 'RUNNING', lease_token = $3, attempt = attempt + 1, fruitless = fruitless + 1,
       started_at = coalesce(started_at, now()), heartbeat_at = now(), seq = seq + 1
     WHERE user_id = $1 AND id = $2 AND status IN ('QUEUED', 'RUNNING')
     RETURNING seq, fruitless, retrying, checkpoint, conversations_done, source_sealed,
       checkpoint IS NULL AND NOT retrying AND conversations_done > 0 AS begins_anew`,
    [userId, taskId, token],
  );
  if (!row) return null;
  const lease: Lease = {
    userId,
    taskId,
    token,
    checkpoint: row.checkpoint,
    conversationsBefore: row.conversations_done,
    beginsAnew: row.begins_anew,
    origin: null,
    fruitless: row.fruitless,
    retry: row.retrying ? await loadRetryFilter(services, userId, taskId) : null,
  };
  await announce(services, lease, row.seq);
  if (row.fruitless > MAX_FRUITLESS_ATTEMPTS) {
    const message = `The import ended its worker ${MAX_FRUITLESS_ATTEMPTS} times without getting any further.`;
    await finishTask(services, lease, { error: { code: 'WORKER_CRASHED', message } });
    return null;
  }
  if (row.source_sealed) {
    try {
      lease.origin = parseOrigin(services.secrets.open(row.source_sealed, taskSealContext(taskId)));
    } catch (error) {
      if (!(error instanceof SyncError)) throw error;
      await finishTask(services, lease, { error: { code: error.code, message: error.message } });
      return null;
    }
  }
  return lease;
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

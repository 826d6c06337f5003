import { validate as isUuid } from 'uuid';
import type { SyncStatus, SyncTask } from '../../generated/prisma/client.ts';
import { recordAudit } from '../audit.ts';
import { ConflictError, InvalidInputError, NotFoundError } from '../errors.ts';
import { DAMAGE_CODES } from '../import/damaged.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { announce } from './lease.ts';
import { enqueueTask, getSyncTask, isSecondTask, refuseSecondTask } from './task.ts';

interface Retriable {
  status: SyncStatus;
  source: string;
  retrying: boolean;
  /** A shard of its archive was, of which some is in. */
  damaged: boolean;
  /** Its archive was read to the end. */
  read: boolean;
  failures: number;
}

/**
 * Queues a task again: what failed of one that ended PARTIAL, the rest of one that was cancelled or could not go on.
 * What is in stays as it is counted, unless the archive was damaged or another sync was undone since:
 * then all is read again. Throws a NotFoundError, an InvalidInputError when nothing is left to do, and a
 * ConflictError when another task of the viewer's is unfinished, and a TooManyRequestsError.
 */
export async function retrySync(
  services: Services,
  viewer: Viewer | null,
  taskId: string,
  requestId?: string,
): Promise<SyncTask> {
  requireScope(viewer, 'write');
  await services.limits.spend('sync', viewer);
  const { userId } = viewer;
  if (!isUuid(taskId)) throw new NotFoundError('sync task');
  try {
    await services.database.transaction(async (tx) => {
      const [task] = await tx.query<Retriable>(
        `SELECT status, source, retrying, EXISTS (SELECT FROM sync_problems p WHERE p.user_id = $1 AND p.task_id = $2
             AND p.rest_of_shard AND p.element > 0 AND p.code = ANY($3)) AS damaged, retrying OR coalesce(error_code IN ('NOTHING_IMPORTED', 'NOTHING_FOUND'), false) AS read,
           (SELECT count(*)::int FROM sync_problems p
           WHERE p.user_id = $1 AND p.task_id = $2 AND p.outcome = 'FAILED' AND p.entry IS NOT NULL) AS failures
         FROM sync_tasks WHERE user_id = $1 AND id = $2 FOR UPDATE`,
        [userId, taskId, DAMAGE_CODES],
      );
      if (!task) throw new NotFoundError('sync task');
      if (task.status === 'QUEUED' || task.status === 'RUNNING') throw new ConflictError(taskId);
      // Whether its archive was read to the end before, so that only the failures are left.
      const stopped = task.status === 'CANCELLED' || task.status === 'FAILED';
      const resumes = stopped && !task.read;
      // Any of what came out of a damaged shard may be wrong: all is read again, and counted anew.
      const anew = task.damaged && !resumes;
      // A retry that was stopped has its attachments and the search index still to do, though it has mended all failures.
      const onlyFailures =
        (task.status === 'PARTIAL' && task.failures > 0) ||
        (stopped && task.read && (task.failures > 0 || task.retrying));
      if (!resumes && !onlyFailures) {
        const message = 'Nothing of this task failed that could be imported again.';
        throw new InvalidInputError([{ path: ['taskId'], message, type: 'nothing_to_retry' }]);
      }
      await tx.execute(
        `WITH marked AS (
           UPDATE sync_problems SET retrying = true
           WHERE $3 AND user_id = $1 AND task_id = $2 AND outcome = 'FAILED' AND entry IS NOT NULL
           RETURNING rest_of_shard
         ), counted AS (SELECT count(*) FILTER (WHERE NOT rest_of_shard)::int AS conversations FROM marked)
         UPDATE sync_tasks SET status = 'QUEUED', phase = 'WAITING', fraction = 0, fruitless = 0, seq = seq + 1,
           failed = failed - conversations, conversations_done = conversations_done - conversations,
           retrying = $3, checkpoint = CASE WHEN $3 OR $4 THEN NULL ELSE checkpoint END,
           error_code = NULL, error_message = NULL, finished_at = NULL, queued_at = now()
         FROM counted WHERE user_id = $1 AND id = $2`,
        [userId, taskId, !resumes && !anew, anew],
      );
      await recordAudit(tx, viewer, 'sync.retried', task.source);
    });
  } catch (error) {
    if (isSecondTask(error)) await refuseSecondTask(services, userId);
    throw error;
  }
  await enqueueTask(services, userId, taskId, requestId);
  const task = await getSyncTask(services, viewer, taskId);
  if (!task) throw new NotFoundError('sync task');
  await announce(services, { userId, taskId }, task.seq);
  return task;
}

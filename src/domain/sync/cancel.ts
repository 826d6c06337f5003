import { validate as isUuid } from 'uuid';
import type { SyncTask } from '../../generated/prisma/client.ts';
import { recordAudit } from '../audit.ts';
import { NotFoundError } from '../errors.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { giveUpRetries } from './finish.ts';
import { announce } from './lease.ts';
import { getSyncTask, jobIdOf } from './task.ts';

/**
 * Stops a task wherever its worker runs; what it has committed stays, and a task that is over stays as it ended. The
 * row is changed first, so that a worker that hears nothing is refused at its next write. Throws a NotFoundError.
 */
export async function cancelSync(
  services: Services,
  viewer: Viewer | null,
  taskId: string,
): Promise<SyncTask> {
  requireScope(viewer, 'write');
  const { userId } = viewer;
  if (!isUuid(taskId)) throw new NotFoundError('sync task');
  const cancelled = await services.database.transaction(async (tx) => {
    // `retrying` stays: a later retry is about the failures again, not about the rest of the archive.
    const [row] = await tx.query<{ seq: number; retrying: boolean; source: string }>(
      `UPDATE sync_tasks SET status = 'CANCELLED', phase = 'DONE', per_second = NULL, eta_seconds = NULL,
         heartbeat_at = NULL, lease_token = NULL, finished_at = now(), seq = seq + 1
       WHERE user_id = $1 AND id = $2 AND status IN ('QUEUED', 'RUNNING') RETURNING seq, retrying, source`,
      [userId, taskId],
    );
    if (row?.retrying) await giveUpRetries(tx, { userId, taskId });
    if (row) await recordAudit(tx, viewer, 'sync.cancelled', row.source);
    return row;
  });
  if (cancelled) {
    await services.events.publish('syncCancel', taskId, { taskId }).catch((error) => {
      services.logger.warn(
        { error, taskId },
        'the worker of a cancelled task learns of it at its next write',
      );
    });
    await announce(services, { userId, taskId }, cancelled.seq);
    await services.queue.remove(jobIdOf(taskId)).catch((error) => {
      services.logger.warn(
        { error, taskId },
        'the job of a cancelled task stays until a worker passes it over',
      );
    });
  }
  const task = await getSyncTask(services, viewer, taskId);
  if (!task) throw new NotFoundError('sync task');
  return task;
}

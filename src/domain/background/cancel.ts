import { validate as isUuid } from 'uuid';
import type { BackgroundTask } from '../../generated/prisma/client.ts';
import { NotFoundError } from '../errors.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { removeExpiredFiles } from './file.ts';
import { announceBackground } from './lease.ts';
import { backgroundJobId, getBackgroundTask } from './task.ts';

/**
 * Stops a task wherever its worker runs; one that is over stays as it ended. The row is changed first, so that a worker
 * that hears nothing is refused at its next write. Throws a NotFoundError.
 */
export async function cancelBackgroundTask(
  services: Services,
  viewer: Viewer | null,
  taskId: string,
): Promise<BackgroundTask> {
  requireScope(viewer, 'write');
  const { userId } = viewer;
  if (!isUuid(taskId)) throw new NotFoundError('task');
  const [cancelled] = await services.database.query<{ seq: number }>(
    `UPDATE background_tasks SET status = 'CANCELLED', heartbeat_at = NULL, lease_token = NULL, checkpoint = NULL,
       finished_at = now(), expires_at = least(expires_at, now()), seq = seq + 1
     WHERE user_id = $1 AND id = $2 AND status IN ('QUEUED', 'RUNNING') RETURNING seq`,
    [userId, taskId],
  );
  if (cancelled) {
    await services.events.publish('backgroundCancel', taskId, { taskId }).catch((error) => {
      services.logger.warn(
        { error, taskId },
        'the worker of a cancelled task learns of it at its next write',
      );
    });
    await announceBackground(services, { userId, taskId }, cancelled.seq);
    await services.queue.remove(backgroundJobId(taskId)).catch((error) => {
      services.logger.warn(
        { error, taskId },
        'the job of a cancelled task stays until a worker passes it over',
      );
    });
    await removeExpiredFiles(services, userId);
  }
  const task = await getBackgroundTask(services, viewer, taskId);
  if (!task) throw new NotFoundError('task');
  return task;
}

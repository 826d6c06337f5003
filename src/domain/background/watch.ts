import type { BackgroundTask } from '../../generated/prisma/client.ts';
import { NotFoundError } from '../errors.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { followTask, type Watch } from '../watch.ts';
import { FINAL_BACKGROUND_STATUSES, getBackgroundTask } from './task.ts';

/**
 * Streams one task: its present state at once, then every newer one, until it is over. Throws a NotFoundError before
 * anything is opened when the task is not the viewer's.
 */
export async function watchBackgroundTask(
  services: Services,
  viewer: Viewer | null,
  taskId: string,
): Promise<(watch: Watch<BackgroundTask>) => Promise<void>> {
  requireScope(viewer, 'read');
  if (!(await getBackgroundTask(services, viewer, taskId))) throw new NotFoundError('task');
  return (watch) =>
    followTask(services, viewer, watch, {
      event: 'backgroundTask',
      id: taskId,
      load: () => getBackgroundTask(services, viewer, taskId),
      isOver: (task) => FINAL_BACKGROUND_STATUSES.includes(task.status),
    });
}

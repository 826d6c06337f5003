import type { SyncTask } from '../../generated/prisma/client.ts';
import { NotFoundError } from '../errors.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { followRows, followTask, type Watch } from '../watch.ts';
import { FINAL_STATUSES, getSyncTask } from './task.ts';

/** How far the clocks of this process and of the database may disagree. */
const CLOCK_MARGIN_MS = 60_000;

/** A stream that stays open for years must not remember every task it ever showed. */
const REMEMBERED_TASKS = 100;

/**
 * Streams one task: its present state at once, then every newer one, until it is over. Throws a NotFoundError before
 * anything is opened when the task is not the viewer's.
 */
export async function watchSyncTask(
  services: Services,
  viewer: Viewer | null,
  taskId: string,
): Promise<(watch: Watch<SyncTask>) => Promise<void>> {
  requireScope(viewer, 'read');
  if (!(await getSyncTask(services, viewer, taskId))) throw new NotFoundError('sync task');
  return (watch) =>
    followTask(services, viewer, watch, {
      event: 'syncTask',
      id: taskId,
      load: () => getSyncTask(services, viewer, taskId),
      isOver: (task) => FINAL_STATUSES.includes(task.status),
    });
}

/**
 * Streams all of the viewer's tasks: the unfinished ones at once, then each that changes, also one that began and ended, or
 * was undone, while no event came through. Has no end of its own.
 */
export async function watchSyncActivity(
  services: Services,
  viewer: Viewer | null,
): Promise<(watch: Watch<SyncTask>) => Promise<void>> {
  requireScope(viewer, 'read');
  return (watch) => {
    const seen = new Map<string, { seq: number; over: boolean }>();
    let readAt: Date | null = null;
    return followRows(services, viewer, watch.stopped, {
      event: 'syncTask',
      concerns: () => true,
      async read(changed) {
        const now = new Date();
        const first = readAt === null;
        const since = new Date((readAt ?? now).getTime() - CLOCK_MARGIN_MS);
        const unfinished = [...seen].filter(([, { over }]) => !over).map(([id]) => id);
        const tasks = await services.prisma.syncTask.findMany({
          where: {
            userId: viewer.userId,
            OR: [
              { status: { in: ['QUEUED', 'RUNNING'] } },
              { id: { in: [...changed, ...unfinished] } },
              { finishedAt: { gte: since } },
              { undoneAt: { gte: since } },
            ],
          },
          orderBy: { createdAt: 'asc' },
        });
        for (const task of tasks) {
          if (task.seq <= (seen.get(task.id)?.seq ?? -1)) continue;
          const over = FINAL_STATUSES.includes(task.status);
          seen.delete(task.id);
          seen.set(task.id, { seq: task.seq, over });
          // What was over before anybody watched is no news.
          if (!first || !over || changed.has(task.id)) watch.push(task);
        }
        for (const id of seen.keys()) {
          if (seen.size <= REMEMBERED_TASKS) break;
          seen.delete(id);
        }
        readAt = now;
      },
    });
  };
}

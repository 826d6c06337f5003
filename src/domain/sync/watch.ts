import type { SyncTask } from '../../generated/prisma/client.ts';
import { NotFoundError } from '../errors.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { FINAL_STATUSES, getSyncTask } from './task.ts';

/** Events are at most once; reading the row again this often bounds what a lost one can cost. */
const SAFETY_POLL_MS = 5_000;

/** A stream that stays open for years must not remember every task it ever showed. */
const REMEMBERED_TASKS = 100;

/** What a stream of rows needs of its consumer: values go to `push`, and `stopped` tells when nobody listens. */
export interface Watch {
  push(task: SyncTask): void;
  end(error?: unknown): void;
  stopped: Promise<unknown>;
}

/**
 * Streams one task: its present state at once, then every newer one, until it is over. Listens before it reads, so
 * that nothing falls between; several changes while a read is under way are one newer row. Throws a NotFoundError
 * before anything is opened when the task is not the viewer's.
 */
export async function watchSyncTask(
  services: Services,
  viewer: Viewer | null,
  taskId: string,
): Promise<(watch: Watch) => Promise<void>> {
  requireScope(viewer, 'read');
  if (!(await getSyncTask(services, viewer, taskId))) throw new NotFoundError('sync task');
  return (watch) => {
    let lastSeq = -1;
    return follow(services, viewer, watch, {
      concerns: (id) => id === taskId,
      async read() {
        const task = await getSyncTask(services, viewer, taskId);
        if (!task) return watch.end();
        if (task.seq > lastSeq) {
          lastSeq = task.seq;
          watch.push(task);
        }
        if (FINAL_STATUSES.includes(task.status)) watch.end();
      },
    });
  };
}

/** Streams all of the viewer's tasks: the unfinished ones at once, then each that changes. Has no end of its own. */
export async function watchSyncActivity(
  services: Services,
  viewer: Viewer | null,
): Promise<(watch: Watch) => Promise<void>> {
  requireScope(viewer, 'read');
  return (watch) => {
    const seen = new Map<string, { seq: number; over: boolean }>();
    return follow(services, viewer, watch, {
      concerns: () => true,
      async read(changed) {
        const unfinished = [...seen].filter(([, { over }]) => !over).map(([id]) => id);
        const tasks = await services.prisma.syncTask.findMany({
          where: {
            userId: viewer.userId,
            OR: [{ status: { in: ['QUEUED', 'RUNNING'] } }, { id: { in: [...changed, ...unfinished] } }],
          },
          orderBy: { createdAt: 'asc' },
        });
        for (const task of tasks) {
          if (task.seq <= (seen.get(task.id)?.seq ?? -1)) continue;
          seen.delete(task.id);
          seen.set(task.id, { seq: task.seq, over: FINAL_STATUSES.includes(task.status) });
          watch.push(task);
        }
        const oldest = seen.keys().next().value;
        if (seen.size > REMEMBERED_TASKS && oldest !== undefined) seen.delete(oldest);
      },
    });
  };
}

interface Follow {
  concerns(taskId: string): boolean;
  /** Reads the rows again and pushes what is newer; `changed` are the tasks that events named since the last read. */
  read(changed: Set<string>): Promise<void>;
}

async function follow(
  services: Services,
  viewer: Viewer,
  watch: Watch,
  { concerns, read }: Follow,
): Promise<void> {
  let reading = false;
  let again = false;
  let over = false;
  let changed = new Set<string>();
  const nudge = async () => {
    again = true;
    if (reading || over) return;
    reading = true;
    try {
      while (again && !over) {
        again = false;
        const named = changed;
        changed = new Set();
        await read(named);
      }
    } catch (error) {
      // The next event or poll reads again: a database that restarts must not end a stream.
      services.logger.warn({ error }, 'a watched task could not be read');
    } finally {
      reading = false;
    }
  };
  const stop = await services.events.listen('syncTask', viewer.userId, (event) => {
    if (event && !concerns(event.taskId)) return;
    if (event) changed.add(event.taskId);
    void nudge();
  });
  const poll = setInterval(() => void nudge(), SAFETY_POLL_MS);
  void nudge();
  await watch.stopped;
  over = true;
  clearInterval(poll);
  await stop();
}

import type { SyncTask } from '../../generated/prisma/client.ts';
import { NotFoundError } from '../errors.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { FINAL_STATUSES, getSyncTask } from './task.ts';

/** Events are at most once; reading the row again this often bounds what a lost one can cost. */
const SAFETY_POLL_MS = 5_000;

/** While the server of events does not answer, the present state waits no longer than this for it. */
const FIRST_READ_MS = 1_000;

/** How far the clocks of this process and of the database may disagree. */
const CLOCK_MARGIN_MS = 60_000;

/** A stream that stays open for years must not remember every task it ever showed. */
const REMEMBERED_TASKS = 100;

/** What a stream of rows needs of its consumer: values go to `push`, and `stopped` tells when nobody listens. */
export interface Watch {
  push(task: SyncTask): void;
  end(error?: unknown): void;
  stopped: Promise<unknown>;
}

/**
 * Streams one task: its present state at once, then every newer one, until it is over. Reads once it listens, so that
 * nothing falls between, and without events every few seconds; several changes while a read is under way are one newer row. Throws a NotFoundError
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

/**
 * Streams all of the viewer's tasks: the unfinished ones at once, then each that changes, also one that began and ended
 * while no event came through. Has no end of its own.
 */
export async function watchSyncActivity(
  services: Services,
  viewer: Viewer | null,
): Promise<(watch: Watch) => Promise<void>> {
  requireScope(viewer, 'read');
  return (watch) => {
    const seen = new Map<string, { seq: number; over: boolean }>();
    let readAt: Date | null = null;
    return follow(services, viewer, watch, {
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

interface Follow {
  concerns(taskId: string): boolean;
  /** Reads the rows again and pushes what is newer; `changed` are the tasks that events named since the last one that went well. */
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
        try {
          await read(named);
        } catch (error) {
          changed = new Set([...named, ...changed]);
          throw error;
        }
      }
    } catch (error) {
      // The next event or poll reads again: a database that restarts must not end a stream.
      services.logger.warn({ error }, 'a watched task could not be read');
    } finally {
      reading = false;
    }
  };
  const first = setTimeout(() => void nudge(), FIRST_READ_MS);
  const poll = setInterval(() => void nudge(), SAFETY_POLL_MS);
  let unlisten: () => Promise<void> = async () => undefined;
  // Not awaited: a subscriber waits as long as its server is away, and the rows can be read all the same.
  services.events
    .listen('syncTask', viewer.userId, (event) => {
      if (event && !concerns(event.taskId)) return;
      if (event) changed.add(event.taskId);
      void nudge();
    })
    .then((stop) => {
      if (over) return stop();
      unlisten = stop;
      clearTimeout(first);
      void nudge();
    })
    .catch((error) => services.logger.warn({ error }, 'a task is watched without events'));
  await watch.stopped;
  over = true;
  clearTimeout(first);
  clearInterval(poll);
  await unlisten();
}

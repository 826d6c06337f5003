import { backgroundKinds } from './background/kinds.ts';
import { backgroundJobId } from './background/task.ts';
import type { LeasedTable } from './lease.ts';
import type { Services } from './services.ts';
import { jobIdOf } from './sync/task.ts';

/** A task younger than this may be between its commit and its job. */
const QUEUED_GRACE_SECONDS = 5;
/** A worker renews its heartbeat three times as often while it runs a task. */
const HEARTBEAT_GRACE_SECONDS = 30;

const queues = [
  { job: 'sync', table: 'sync_tasks', jobId: jobIdOf, which: 'true' },
  {
    job: 'background',
    table: 'background_tasks',
    jobId: backgroundJobId,
    // Another version of the server may know more kinds.
    which: `kind IN (${backgroundKinds.map((kind) => `'${kind}'`).join(', ')})`,
  },
] as const satisfies { table: LeasedTable; [key: string]: unknown }[];

/** Tasks of each kind that one look goes through; each is asked for in the queue. */
const LOOK = 1_000;

/** The id behind which the next look goes on, for each kind; left out at the beginning. */
export type LookedUpTo = { [job in (typeof queues)[number]['job']]?: string };

/**
 * Gives unfinished tasks that have lost their job a new one, whatever became of the queue: the rows are the truth. Looks
 * at 1,000 of each kind behind `upTo`, where it notes how far it came, and begins anew behind the last. Answers how many
 * got one. Any number of callers may run it at once, since a job's id follows from its task.
 */
export async function requeueLostTasks(services: Services, upTo: LookedUpTo = {}): Promise<number> {
  let requeued = 0;
  for (const { job, table, jobId, which } of queues) {
    const suspects = await services.database.query<{ userId: string; taskId: string }>(
      `SELECT user_id AS "userId", id AS "taskId" FROM ${table}
       WHERE ((status = 'QUEUED' AND created_at < now() - make_interval(secs => $1))
          OR (status = 'RUNNING' AND heartbeat_at < now() - make_interval(secs => $2))) AND ${which}
         AND ($3::uuid IS NULL OR id > $3)
       ORDER BY id LIMIT $4`,
      [QUEUED_GRACE_SECONDS, HEARTBEAT_GRACE_SECONDS, upTo[job] ?? null, LOOK],
    );
    upTo[job] = suspects.length === LOOK ? suspects.at(-1)?.taskId : undefined;
    for (const { userId, taskId } of suspects) {
      if (await services.queue.isAlive(jobId(taskId))) continue;
      await services.queue.enqueue(job, { userId, taskId }, jobId(taskId));
      services.logger.warn({ taskId, job }, 'a task had lost its job and got a new one');
      requeued += 1;
    }
  }
  return requeued;
}

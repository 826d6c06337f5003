import { DelayedError, type Job, WaitingError } from 'bullmq';
import { sweepApiKeys } from '../src/domain/api-key.ts';
import { sweepAuditEvents } from '../src/domain/audit.ts';
import { removeExpiredFiles } from '../src/domain/background/file.ts';
import { sweepEmbeddings } from '../src/domain/embedding/start.ts';
import { type LookedUpTo, requeueLostTasks } from '../src/domain/reconcile.ts';
import { sweepSearchIndex } from '../src/domain/search-index.ts';
import type { Services } from '../src/domain/services.ts';
import { sweepSessions } from '../src/domain/session.ts';
import { reconcileSchedules } from '../src/domain/sync/schedule.ts';
import { sweepArchives } from '../src/domain/sync/sweep.ts';
import { atMost, type Deadline, deadlineIn } from '../src/infra/patience.ts';
import type { QueueBackend } from '../src/infra/queue.ts';
import { isJobName, type JobName, parsePayload } from '../src/jobs/jobs.ts';
import { createBackgroundProcessor } from './background.ts';
import { HandedBackError, LaterError, type Processors } from './processor.ts';
import { openQueueWorker } from './queue-worker.ts';
import { createScheduledSyncProcessor } from './scheduled-sync.ts';
import { createSyncProcessor, type SyncOptions } from './sync.ts';
import { openWatchedFolder } from './watched-folder.ts';

/** A worker that died is known by its lock, which it renews every half of this. */
const LOCK_MS = 15_000;
const STALLED_CHECK_MS = 5_000;
const RECONCILE_MS = 10_000;
/** Jobs are broken off between two batches, which takes less. */
const CLOSE_PATIENCE_MS = 8_000;
const DISCONNECT_PATIENCE_MS = 1_000;
const SWEEP_MS = 60 * 60_000;

/** The task's own count of fruitless beginnings decides when to give up; the queue must not do it before. */
const MAX_STALLS = 1_000;

export interface RunningWorker {
  /**
   * Hands running jobs back to the queue and stops. What its store did not take back by the deadline, another worker
   * takes over some 15 s later as stalled.
   */
  close(deadline?: Deadline): Promise<void>;
}

/** Rejects, with nothing begun, when the database refuses the queue's connection. */
export async function openWorker(
  services: Services,
  backend: QueueBackend,
  options: SyncOptions & { watchDir: string | null },
): Promise<RunningWorker> {
  const closing = new AbortController();
  const processors: Processors = {
    sync: createSyncProcessor(services, options),
    background: createBackgroundProcessor(services),
    scheduledSync: createScheduledSyncProcessor(services),
  };
  const process = async (job: Job, token?: string, signal?: AbortSignal) => {
    if (!isJobName(job.name)) throw new Error(`No processor knows the job ${job.name}.`);
    // Closing cancels the jobs that have begun, and not one that was just being fetched.
    const stopped = closing.signal.aborted || !signal ? closing.signal : signal;
    try {
      await handle(processors, job.name, job.data, stopped);
    } catch (error) {
      if (error instanceof LaterError) {
        await job.moveToDelayed(Date.now() + error.waitMs, token);
        throw new DelayedError();
      }
      if (!(error instanceof HandedBackError)) throw error;
      await job.moveToWait(token);
      throw new WaitingError();
    }
  };
  const worker = await openQueueWorker(
    process,
    {
      concurrency: options.concurrency,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_CHECK_MS,
      maxStalledCount: MAX_STALLS,
    },
    backend,
    services.logger,
  );
  worker.on('failed', (job, error) => services.logger.error({ error, job: job?.name }, 'a job failed'));
  // Without its lock another worker may have the job by now.
  worker.on('lockRenewalFailed', (jobIds) => {
    for (const jobId of jobIds) worker.cancelJob(jobId, 'lock lost');
  });

  let sweeping: Promise<void> = Promise.resolve();
  const sweepAll = async () => {
    for (const look of [
      sweepArchives,
      removeExpiredFiles,
      sweepSessions,
      sweepApiKeys,
      sweepAuditEvents,
      sweepEmbeddings,
    ]) {
      if (closing.signal.aborted) return;
      await look(services).catch((error) => {
        services.logger.warn(
          { error },
          'what is no longer needed, or not yet there, could not be looked for',
        );
      });
    }
  };
  const sweep = () => {
    sweeping = sweeping.then(sweepAll);
  };
  const sweeper = setInterval(sweep, SWEEP_MS);
  sweep();

  // Apart from the others, which would have to wait for a whole archive; and one after the other.
  let indexing: Promise<void> = Promise.resolve();
  const sweepIndex = () => {
    indexing = indexing
      .then(() => sweepSearchIndex(services, closing.signal))
      .catch((error) => {
        services.logger.warn({ error }, 'what waits for the search index could not be looked for');
      });
  };
  const indexSweeper = setInterval(sweepIndex, SWEEP_MS);
  sweepIndex();

  const lookedUpTo: LookedUpTo = {};
  let pageAfter: string | null = null;
  let reconciling: Promise<void> | null = null;
  const reconcileOnce = async () => {
    await requeueLostTasks(services, lookedUpTo).catch((error) => {
      services.logger.warn({ error }, 'lost tasks could not be looked for');
    });
    try {
      pageAfter = await reconcileSchedules(services, pageAfter);
    } catch (error) {
      services.logger.warn({ error }, 'schedules could not be looked for');
    }
  };
  // One at a time, and closing waits for it: a query after the end would open a connection anew.
  const reconcile = () => {
    reconciling ??= reconcileOnce().finally(() => {
      reconciling = null;
    });
  };
  const timer = setInterval(reconcile, RECONCILE_MS);
  reconcile();

  const watched = options.watchDir === null ? null : openWatchedFolder(services, options.watchDir);

  return {
    async close(deadline = deadlineIn(CLOSE_PATIENCE_MS + DISCONNECT_PATIENCE_MS)) {
      clearInterval(timer);
      clearInterval(sweeper);
      clearInterval(indexSweeper);
      closing.abort();
      worker.cancelAllJobs('shutdown');
      // Without an answer from its store it would wait for ever; a stalled job is taken over by another worker.
      // Nor does one that has just been opened close what it is still at connecting, which breaks when the store stops.
      const closed = worker
        .waitUntilReady()
        .catch(() => undefined)
        .then(() => worker.close());
      const ended = Promise.all([closed, sweeping, indexing, reconciling, watched?.close()]);
      if (await atMost(deadline.within(CLOSE_PATIENCE_MS), ended)) return;
      services.logger.warn(
        {},
        'the worker is left behind: its jobs, what it looks for or its store did not end in time',
      );
      await atMost(DISCONNECT_PATIENCE_MS, worker.disconnect());
    },
  };
}

function handle<N extends JobName>(
  processors: Processors,
  name: N,
  payload: unknown,
  signal: AbortSignal,
): Promise<void> {
  return processors[name](parsePayload(name, payload), signal);
}

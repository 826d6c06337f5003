import { startEmbedding } from '../src/domain/embedding/start.ts';
import { emptyTally } from '../src/domain/import/batch.ts';
import { type Problem, recordProblems } from '../src/domain/import/problems.ts';
import { watchSearches } from '../src/domain/search/activity.ts';
import type { Services } from '../src/domain/services.ts';
import { claimTask, MAX_FRUITLESS_ATTEMPTS } from '../src/domain/sync/claim.ts';
import { finishTask } from '../src/domain/sync/finish.ts';
import { countAnew, isBrokenDownload, meetArchive } from '../src/domain/sync/known-archive.ts';
import { type Lease, releaseTask, type Tally } from '../src/domain/sync/lease.ts';
import type { SyncStatus } from '../src/generated/prisma/client.ts';
import { endRun, guardLease, inWords } from './guard.ts';
import { importArchive } from './import.ts';
import { indexLeftovers, openIndexer } from './indexer.ts';
import { isAsHashed, obtainArchive } from './obtain.ts';
import { openPlaces, type Place, sizeOf } from './places.ts';
import { LaterError, type Processor } from './processor.ts';
import { openReporter, type Reporter } from './reporter.ts';

export interface SyncOptions {
  maxExpandedBytes: number;
  /** Jobs that the worker does at a time. */
  concurrency: number;
  /** Archives of so many bytes and more leave one place to others. */
  largeArchiveBytes: number;
}

const ARCHIVE_CHANGED: Problem = {
  outcome: 'WARNING',
  code: 'ARCHIVE_CHANGED',
  reason:
    'The archive is another one than before: only what had failed was read from it. Start a sync to import the rest.',
};

/** Shares of the whole that the phases take, measured on a 400 MB export. */
const DOWNLOAD_SHARE = 0.15;
const IMPORT_SHARE = 0.35;

/** Runs one task: fetch, import, index, and an ending that says what came of it. Safe to run again at any point. */
export function createSyncProcessor(services: Services, options: SyncOptions): Processor<'sync'> {
  const places = openPlaces(options.concurrency, options.largeArchiveBytes);
  return async ({ userId, taskId, requestId }, shutdown) => {
    const logger = services.logger.child({ taskId, requestId });
    for (;;) {
      const place = places.enter(taskId);
      try {
        const lease = await claimTask(services, userId, taskId);
        if (!lease) return logger.info({}, 'the task is over already');
        await runLease(services, lease, place, options, shutdown, logger);
      } finally {
        place.leave();
      }
      const statusNow = () => statusOf(services, userId, taskId);
      // What a task brought in before it was stopped is to be found, too.
      if (!['QUEUED', 'RUNNING'].includes((await statusNow()) ?? '')) {
        await indexLeftovers(services, userId, shutdown);
        await startEmbedding(services, userId);
      }
      // Cancelled and retried while this job was still there: the queue took the retry's job for this one.
      if ((await statusNow()) === 'QUEUED') continue;
      return;
    }
  };
}

async function statusOf(services: Services, userId: string, taskId: string): Promise<SyncStatus | undefined> {
  const [row] = await services.database.query<{ status: SyncStatus }>(
    'SELECT status FROM sync_tasks WHERE user_id = $1 AND id = $2',
    [userId, taskId],
  );
  return row?.status;
}

async function runLease(
  services: Services,
  lease: Lease,
  place: Place,
  options: SyncOptions,
  shutdown: AbortSignal,
  logger: Services['logger'],
): Promise<void> {
  const { taskId } = lease;
  const stop = new AbortController();
  const reporter = openReporter(services, lease, (error) => stop.abort(error));
  const release = guardLease(services, lease, stop, {
    table: 'sync_tasks',
    cancelEvent: 'syncCancel',
    idleMs: reporter.idleMs,
  });
  const signal = AbortSignal.any([stop.signal, shutdown]);
  try {
    const grow = (bytes: number) => {
      try {
        place.grow(bytes);
      } catch (error) {
        stop.abort(error);
      }
    };
    const { sha256, tally } = await run(services, lease, grow, options, reporter, signal);
    await reporter.close();
    if (await isBrokenDownload(services, lease, null)) await services.workspace.removeArchive(taskId);
    const status = await finishTask(services, lease, { tally, sha256 });
    // A retry of what failed needs the archive again; the sweeper removes it in time.
    if (status === 'COMPLETED') await services.workspace.removeArchive(taskId);
    logger.info({ status }, 'the task is over');
  } catch (error) {
    await reporter.close();
    const reason = signal.aborted ? signal.reason : error;
    if (reason instanceof LaterError) {
      logger.info({}, 'a large import waits for a place');
      await releaseTask(services, lease);
      throw reason;
    }
    await endRun(services, lease, inWords(reason), shutdown, {
      table: 'sync_tasks',
      logger,
      mayRetry: lease.fruitless < MAX_FRUITLESS_ATTEMPTS,
      release: () => releaseTask(services, lease),
      async fail(failure) {
        if (await isBrokenDownload(services, lease, failure.code)) {
          await services.workspace.removeArchive(taskId);
        }
        await finishTask(services, lease, { error: failure });
      },
    });
  } finally {
    release();
  }
}

/** Answers the hash of an archive that was read to its end, or what to count for one that need not be read. */
async function run(
  services: Services,
  lease: Lease,
  grow: (bytes: number) => void,
  options: SyncOptions,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<{ sha256: Buffer | null; tally?: Tally }> {
  const archive = await obtainArchive(services, lease, reporter, {
    share: DOWNLOAD_SHARE,
    onSize: grow,
    signal,
  });
  if (lease.beginsAnew) await countAnew(services, lease);
  if ('known' in archive) {
    return { sha256: null, tally: { ...emptyTally(), unchanged: archive.known.conversations } };
  }
  if (archive.sha256 && !(await meetArchive(services, lease, archive.sha256))) {
    await recordProblems(services, lease, [ARCHIVE_CHANGED]);
  }
  grow(await sizeOf(archive.path, options.largeArchiveBytes));
  signal.throwIfAborted();
  const searches = watchSearches(services);
  const keptRowsPath = `${services.workspace.archivePath(lease.taskId)}.rows`;
  const indexer = openIndexer(services, lease.userId, keptRowsPath, searches);
  let { sha256 } = archive;
  try {
    await importArchive(services, lease, { reporter, indexer, searches }, signal, {
      path: archive.path,
      maxExpandedBytes: options.maxExpandedBytes,
      progress: { from: DOWNLOAD_SHARE, to: DOWNLOAD_SHARE + IMPORT_SHARE },
    });
    // Another file than the one that was hashed must not pass for that.
    if (!(await isAsHashed(archive))) sha256 = null;
    await reporter.enter('INDEXING', DOWNLOAD_SHARE + IMPORT_SHARE, 1);
    await indexer.finish(reporter, signal);
  } finally {
    searches.close();
    await indexer.stop();
  }
  return { sha256 };
}

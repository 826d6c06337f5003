import { removeExpiredFiles, storeMadeFile } from '../src/domain/background/file.ts';
import type { BackgroundKind } from '../src/domain/background/kinds.ts';
import {
  type BackgroundChange,
  type BackgroundLease,
  claimBackgroundTask,
  finishBackgroundTask,
  MAX_ATTEMPTS,
  releaseBackgroundTask,
  writeBackgroundTask,
} from '../src/domain/background/lease.ts';
import type { Services } from '../src/domain/services.ts';
import { exportAccount } from './account-export.ts';
import { exportFiltered } from './conversation-export.ts';
import { embedMessages } from './embedding.ts';
import { endRun, guardLease, inWords } from './guard.ts';
import type { Processor } from './processor.ts';
import { reindex } from './reindex.ts';

/** What a handler works with. */
export interface BackgroundRun<K extends BackgroundKind> {
  lease: BackgroundLease<K>;
  /** Aborts when the task was cancelled or this worker is to stop. */
  signal: AbortSignal;
  /** Tells how far it is, in whatever the kind counts; written a few times a second. */
  report(progress: { done: number; total?: number }): void;
  /** Writes where a later run goes on; resolves once it is committed. */
  keep(checkpoint: object): Promise<void>;
  /** Stores the file that this task makes, under the name for its user. */
  store(name: string, content: AsyncIterable<Uint8Array>): Promise<void>;
}

/** Does the work and answers its result. Safe to run again from `lease.checkpoint` at any point. */
export type BackgroundHandler<K extends BackgroundKind> = (
  services: Services,
  run: BackgroundRun<K>,
) => Promise<object>;

/** One for every kind: a kind without a handler does not compile. */
const handlers: { [K in BackgroundKind]: BackgroundHandler<K> } = {
  ACCOUNT_EXPORT: exportAccount,
  CONVERSATION_EXPORT: exportFiltered,
  EMBEDDING: embedMessages,
  REINDEX: reindex,
};

/** Between two writes of progress. */
const WRITE_INTERVAL_MS = 300;

/** Runs one task to an ending that says what came of it. Safe to run again at any point. */
export function createBackgroundProcessor(services: Services): Processor<'background'> {
  return async ({ userId, taskId, requestId }, shutdown) => {
    const logger = services.logger.child({ taskId, requestId });
    const lease = await claimBackgroundTask(services, userId, taskId);
    if (!lease) return logger.info({}, 'the task is over already');
    await runLease(services, lease, shutdown, logger);
  };
}

async function runLease(
  services: Services,
  lease: BackgroundLease,
  shutdown: AbortSignal,
  logger: Services['logger'],
): Promise<void> {
  const stop = new AbortController();
  const progress = openProgress(services, lease, (error) => stop.abort(error));
  const release = guardLease(services, lease, stop, {
    table: 'background_tasks',
    cancelEvent: 'backgroundCancel',
    idleMs: progress.idleMs,
  });
  const signal = AbortSignal.any([stop.signal, shutdown]);
  let stored = false;
  try {
    const result = await handle(services, lease.kind, {
      lease,
      signal,
      report: progress.report,
      keep: (checkpoint) => progress.write({ checkpoint }),
      async store(name, content) {
        await storeMadeFile(services, lease, name, eachHeard(content, progress.moved));
        stored = true;
      },
    });
    await progress.close();
    const status = await finishBackgroundTask(services, lease, { result });
    if (stored) await removeExpiredFiles(services, lease.userId);
    logger.info({ status, kind: lease.kind }, 'the task is over');
  } catch (error) {
    await progress.close().catch(() => undefined);
    await endRun(services, lease, inWords(signal.aborted ? signal.reason : error), shutdown, {
      table: 'background_tasks',
      logger,
      mayRetry: lease.attempt < MAX_ATTEMPTS,
      release: () => releaseBackgroundTask(services, lease),
      fail: (failure) => finishBackgroundTask(services, lease, { error: failure }),
    });
  } finally {
    release();
  }
}

function handle<K extends BackgroundKind>(
  services: Services,
  kind: K,
  run: BackgroundRun<K>,
): Promise<object> {
  return handlers[kind](services, run);
}

async function* eachHeard<T>(source: AsyncIterable<T>, onEach: () => void): AsyncGenerator<T> {
  for await (const each of source) {
    onEach();
    yield each;
  }
}

/** Turns what a run reports into the task's row, a few times a second. `onLost` hears when that is refused. */
function openProgress(services: Services, lease: BackgroundLease, onLost: (error: unknown) => void) {
  let next: BackgroundChange | null = null;
  let timer: NodeJS.Timeout | null = null;
  let writing: Promise<void> = Promise.resolve();
  let movedAtMs = Date.now();
  const write = (change: BackgroundChange): Promise<void> => {
    const whole = { ...next, ...change };
    next = null;
    // One after the other, so that an older state never comes last.
    const written = writing.then(() => writeBackgroundTask(services, lease, whole));
    writing = written.catch(() => undefined);
    return written;
  };
  const flush = () => {
    timer = null;
    if (next) write({}).catch(onLost);
  };
  return {
    report(progress: { done: number; total?: number }) {
      movedAtMs = Date.now();
      next = { ...next, ...progress };
      timer ??= setTimeout(flush, WRITE_INTERVAL_MS);
    },
    write(change: BackgroundChange) {
      movedAtMs = Date.now();
      return write(change);
    },
    /** Something came through that is no progress to tell of, such as a part of a large file. */
    moved() {
      movedAtMs = Date.now();
    },
    idleMs: () => Date.now() - movedAtMs,
    /** Writes what is not yet written. */
    async close() {
      if (timer) clearTimeout(timer);
      timer = null;
      await (next ? write({}) : writing);
    },
  };
}

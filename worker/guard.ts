import { basename } from 'node:path';
import { ArchiveError } from '../src/archive/types.ts';
import { removeFilesOfNobody } from '../src/domain/account/delete.ts';
import { DomainError, SyncError } from '../src/domain/errors.ts';
import { type HeldLease, holdsLeased, type LeasedTable, LeaseLostError } from '../src/domain/lease.ts';
import type { Services } from '../src/domain/services.ts';
import { atMost } from '../src/infra/patience.ts';
import { HandedBackError } from './processor.ts';

/** A run that moves nothing for so long hangs; its job would keep renewing its lock for ever. */
const MAX_IDLE_MS = 5 * 60_000;
const WATCHDOG_MS = 1_000;
/** For a question at the end of a run; its job's lock is renewed meanwhile. */
const ASK_MS = 3_000;

/**
 * Watches over a run and stops it when its task was cancelled, went to another worker, or moved nothing for five
 * minutes. Answers what ends the watch.
 */
export function guardLease(
  services: Services,
  lease: HeldLease,
  stop: AbortController,
  run: {
    table: LeasedTable;
    cancelEvent: 'syncCancel' | 'backgroundCancel';
    /** Since anything moved. */
    idleMs(): number;
  },
): () => void {
  // Neither awaited nor needed: what carries events may be away, or refuse.
  const listening = services.events
    .listen(run.cancelEvent, lease.taskId, (event) => {
      if (event) stop.abort(new LeaseLostError());
    })
    .catch((error) => {
      services.logger.warn({ error, taskId: lease.taskId }, 'a task runs without hearing of a cancel');
    });
  let isAsking = false;
  const watchdog = setInterval(async () => {
    if (run.idleMs() > MAX_IDLE_MS) stop.abort(noProgress());
    // One question at a time: while the row is locked, they would soon hold all connections of this process.
    if (isAsking) return;
    isAsking = true;
    // Events are at most once, and a run that waits for something writes nothing: so the row is asked as well.
    const isHeld = await holdsLeased(services, run.table, lease).catch(() => true);
    isAsking = false;
    if (!isHeld) stop.abort(new LeaseLostError());
  }, WATCHDOG_MS);
  return () => {
    clearInterval(watchdog);
    listening
      .then((unlisten) => unlisten?.())
      .catch((error) => services.logger.warn({ error }, 'a task that is over is still listened for'));
  };
}

const noProgress = () =>
  new SyncError('NO_PROGRESS', 'It made no progress for five minutes and was stopped.', { retryable: true });

/** Node's code, and PostgreSQL's for its own disk. */
const isDiskFull = (error: unknown) =>
  ['ENOSPC', 'EDQUOT', '53100'].includes((error as { code?: string } | null)?.code ?? '');

/** Node's codes for a file that this process has no right to, or that its disk does not give. */
const UNREADABLE = ['EACCES', 'EPERM', 'EIO'];

/** What a task's owner is told of an error, where there is something better to say than that it happened. */
export function inWords(error: unknown): unknown {
  const { code, path } = (error ?? {}) as NodeJS.ErrnoException;
  if (UNREADABLE.includes(code ?? '') && path !== undefined) {
    const message = `The server may not read or write ${basename(path)}. Give the user that it runs as the right to, then retry.`;
    return new SyncError('FILE_UNREADABLE', message, { cause: error });
  }
  if (!isDiskFull(error)) return error;
  return new SyncError('NO_SPACE', 'The server’s disk is full. Make room, then retry.', { cause: error });
}

/**
 * Decides what a failed run means: for the task's owner, for the queue, and for files that it left. A worker that stops
 * hands the task back without losing an attempt. Throws what the queue is to know, unless the task is another's by now.
 */
export async function endRun(
  services: Services,
  lease: HeldLease,
  error: unknown,
  shutdown: AbortSignal,
  task: {
    table: LeasedTable;
    logger: Services['logger'];
    /** Whether another attempt is left. */
    mayRetry: boolean;
    release(): Promise<unknown>;
    fail(error: { code: string; message: string }): Promise<unknown>;
  },
): Promise<void> {
  if (await isLost(services, lease, error, task)) {
    await removeFilesOfNobody(services, lease.userId);
    return task.logger.info({}, 'the task was cancelled or is with another worker');
  }
  if (shutdown.aborted) {
    await task.release();
    throw new HandedBackError();
  }
  await task.fail(lastWords(error, task.mayRetry, task.logger));
}

/**
 * Whether the task is not this run's any more. A worker that stood still for long may hear of a connection that took too long
 * before it hears of that. While the database does not answer, it is taken for held.
 */
async function isLost(
  services: Services,
  lease: HeldLease,
  error: unknown,
  { table, logger }: { table: LeasedTable; logger: Services['logger'] },
): Promise<boolean> {
  if (error instanceof LeaseLostError) return true;
  let isHeld = true;
  const asking = holdsLeased(services, table, lease).then((held) => {
    isHeld = held;
  });
  await atMost(ASK_MS, asking).catch(() => undefined);
  if (!isHeld) logger.warn({ error }, 'a run failed whose task is over or not its own any more');
  return !isHeld;
}

/**
 * What a task's owner is told at the end of a run that failed. Throws the error itself, for the queue, when trying again
 * could help and `mayRetry`.
 */
function lastWords(
  error: unknown,
  mayRetry: boolean,
  logger: Services['logger'],
): { code: string; message: string } {
  const known = error instanceof SyncError || error instanceof ArchiveError || error instanceof DomainError;
  const isPassing = !known || error.code === 'UNAVAILABLE';
  const worthRetrying = error instanceof SyncError ? error.retryable : isPassing;
  if (worthRetrying && mayRetry) throw error;
  if (known) return { code: error.code, message: error.message };
  logger.error({ error }, 'a task was given up');
  return { code: 'INTERNAL', message: 'Something went wrong on the server; its log says what.' };
}

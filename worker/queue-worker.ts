import { setTimeout as delay } from 'node:timers/promises';
import {
  Worker as BullWorker,
  type IQueueBackend,
  type Job,
  type Processor,
  type WorkerOptions,
} from 'bullmq';
import type { Logger } from '../src/domain/services.ts';
import type { QueueBackend } from '../src/infra/queue.ts';
import { QUEUE_NAME } from '../src/jobs/jobs.ts';

const REFUSED_PAUSE_MS = 1_000;
/** As on Redis. */
const LONGEST_WAIT_SECONDS = 10;

/**
 * Asks a store that refuses to give the next job again only after a pause. BullMQ itself pauses where it cannot connect,
 * and after any other error asks again at once: thousands of times in a second, each with a line in the log.
 */
class PatientWorker extends BullWorker<unknown, void, string, IQueueBackend> {
  readonly #isClosing = new AbortController();

  protected override async moveToActive(token: string, name?: string): Promise<Job<unknown, void>> {
    try {
      return await super.moveToActive(token, name);
    } catch (error) {
      await delay(REFUSED_PAUSE_MS, undefined, { signal: this.#isClosing.signal }).catch(() => undefined);
      throw error;
    }
  }

  /**
   * On PostgreSQL BullMQ itself waits up to an hour for news of a job. A connection that is lost in the breath in which it
   * begins to listen passes for one that listens, and none would come.
   */
  override get maximumBlockTimeout(): number {
    return LONGEST_WAIT_SECONDS;
  }

  override close(force?: boolean): Promise<void> {
    this.#isClosing.abort();
    return super.close(force);
  }
}

/**
 * A worker that waits for jobs on the queue. Rejects, with nothing left open, when PostgreSQL refuses the connection:
 * BullMQ would remember that for good, and answer all that it is asked later with it. Redis is waited for by itself.
 */
export async function openQueueWorker(
  process: Processor<unknown, void>,
  options: Omit<WorkerOptions, 'connection' | 'prefix' | 'telemetry' | 'autorun'>,
  backend: QueueBackend,
  logger: Logger,
): Promise<BullWorker<unknown, void, string, IQueueBackend>> {
  const workerOptions: WorkerOptions = {
    ...options,
    connection: backend.connection as WorkerOptions['connection'],
    prefix: backend.prefix,
    telemetry: backend.telemetry,
    autorun: false,
  };
  const worker = backend.factory
    ? new PatientWorker(QUEUE_NAME, process, workerOptions, backend.factory)
    : new PatientWorker(QUEUE_NAME, process, workerOptions);
  const trouble = (error: Error) => logger.warn({ error }, 'worker trouble');
  worker.on('error', trouble);
  if (backend.factory) {
    try {
      await worker.waitUntilReady();
    } catch (error) {
      await worker.close();
      throw error;
    }
  }
  worker.run().catch(trouble);
  return worker;
}

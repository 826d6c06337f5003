import {
  type BackendFactory,
  Queue as BullQueue,
  createPostgresBackend,
  type QueueOptions,
  type Telemetry,
} from 'bullmq';
import type { RequestHandler } from 'express';
import type pg from 'pg';
import { UnavailableError } from '../domain/errors.ts';
import type { Logger, Queue } from '../domain/services.ts';
import { parsePayload, QUEUE_NAME } from '../jobs/jobs.ts';
import { HeardClient, hearAll } from './heard-connections.ts';
import { atMost } from './patience.ts';
import { type RedisConnections, serversOf } from './redis.ts';

/** What BullMQ needs to run on either store; the worker passes the same on to its Worker. */
export interface QueueBackend {
  connection: object;
  prefix?: string;
  /** Undefined for Redis, which is BullMQ's own default. */
  factory: BackendFactory | undefined;
  /** Hands the trace of who enqueues a job on to the worker that does it. */
  telemetry?: Telemetry;
  /** Rejects, with what to do, when the store could lose jobs. */
  check(): Promise<void>;
}

export function redisQueueBackend(redis: RedisConnections, purpose: 'queue' | 'worker'): QueueBackend {
  const connection = purpose === 'queue' ? redis.open('queue') : redis.openPatient('worker');
  return {
    connection,
    // The braces keep all keys of a queue in one slot of a Redis Cluster.
    prefix: '{bull}',
    factory: undefined,
    async check() {
      for (const server of serversOf(connection)) {
        const answer = (await server.config('GET', 'maxmemory-policy').catch(() => [])) as string[];
        const policy = answer[1];
        if (policy !== undefined && policy !== 'noeviction') {
          throw new UnavailableError(
            `Redis evicts keys (maxmemory-policy ${policy}) and would lose jobs. Set maxmemory-policy to noeviction.`,
          );
        }
      }
    },
  };
}

const CONNECT_MS = 10_000;
/** Behind it a connection is taken for lost; the database itself ends no question of a queue before. */
const ANSWER_MS = 35_000;

export function postgresQueueBackend(url: string, { answerMs = ANSWER_MS } = {}): QueueBackend {
  return {
    connection: {
      connectionString: url,
      migrate: true,
      max: 4,
      application_name: 'sidecar-queue',
      keepAlive: true,
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: answerMs,
    },
    factory: createHeardBackend,
    check: async () => undefined,
  };
}

/** Where BullMQ keeps its pool and what it makes the connection of on which it hears of jobs. */
interface Connections {
  readonly pool: pg.Pool;
  pgModule: object;
}

/** BullMQ itself listens to that one only once it is there, and no more while it is being ended. */
const createHeardBackend = ((...args: Parameters<typeof createPostgresBackend>) => {
  const backend = createPostgresBackend(...args);
  const { connection } = backend as unknown as { connection: Connections };
  hearAll(connection.pool);
  connection.pgModule = { ...connection.pgModule, Client: HeardClient };
  return backend;
}) as unknown as BackendFactory;

/** Makes spans of what the queue does, on the tracing that the program has opened. */
export async function openQueueTelemetry(): Promise<Telemetry> {
  const { BullMQOtel } = await import('bullmq-otel');
  return new BullMQOtel({ tracerName: 'sidecar' });
}

const RETRY_DELAY_MS = 2_000;

/** BullMQ would wait for ever for a store that has not answered since this process began; what it asks later fails by itself. */
const FIRST_ANSWER_MS = 3_000;

/** Finished jobs are of no use: the task's row says how they ended. */
const KEEP_FINISHED = { age: 3_600, count: 1_000 };

export interface OpenQueue extends Queue {
  /** A page that shows the queue, to be mounted at this path for those who may see it. */
  openBoard(path: string): Promise<RequestHandler>;
  close(): Promise<void>;
}

export async function openQueue(backend: QueueBackend, logger: Logger): Promise<OpenQueue> {
  const options: QueueOptions = {
    connection: backend.connection as QueueOptions['connection'],
    prefix: backend.prefix,
    telemetry: backend.telemetry,
    defaultJobOptions: {
      removeOnComplete: true,
      removeOnFail: KEEP_FINISHED,
      // The task's own count of fruitless beginnings decides when to give up.
      attempts: 100,
      backoff: { type: 'fixed', delay: RETRY_DELAY_MS },
    },
  };
  const queue = backend.factory
    ? new BullQueue(QUEUE_NAME, options, backend.factory)
    : new BullQueue(QUEUE_NAME, options);
  queue.on('error', (error) => logger.warn({ error }, 'queue trouble'));
  if (backend.factory) await queue.waitUntilReady();

  const answering = async () => {
    if (await atMost(FIRST_ANSWER_MS, queue.waitUntilReady())) return queue;
    throw new UnavailableError('The queue does not answer.');
  };

  return {
    async enqueue(name, payload, jobId) {
      await answering();
      const existing = await queue.getJob(jobId);
      // A finished job of this id would make BullMQ ignore the new one.
      if (existing && ['completed', 'failed'].includes(await existing.getState())) await existing.remove();
      await queue.add(name, parsePayload(name, payload), { jobId });
    },
    async remove(jobId) {
      const job = await (await answering()).getJob(jobId);
      if (!job || (await job.getState()) === 'active') return false;
      await job.remove();
      return true;
    },
    async isAlive(jobId) {
      const job = await (await answering()).getJob(jobId);
      if (!job) return false;
      return !['completed', 'failed', 'unknown'].includes(await job.getState());
    },
    async schedule(name, payload, schedulerId, { everyMs, nextAt }) {
      await answering();
      // An upsert alone would keep the old time of what is there.
      await queue.removeJobScheduler(schedulerId);
      await queue.upsertJobScheduler(
        schedulerId,
        { every: everyMs, startDate: nextAt },
        // Whoever set the schedule is long gone when it is due: each of its jobs is a trace of its own.
        { name, data: parsePayload(name, payload), opts: { telemetry: { omitContext: true } } },
      );
    },
    async scheduled(schedulerId) {
      const scheduler = await (await answering()).getJobScheduler(schedulerId);
      if (!scheduler?.every || !scheduler.next) return null;
      return { everyMs: Number(scheduler.every), nextAt: new Date(Number(scheduler.next)) };
    },
    async unschedule(schedulerId) {
      await (await answering()).removeJobScheduler(schedulerId);
    },
    async ping() {
      await queue.getWaitingCount();
      await backend.check();
    },
    async openBoard(path) {
      const { createQueueBoard } = await import('./queue-board.ts');
      return createQueueBoard(queue as BullQueue, path);
    },
    async close() {
      await queue.close();
    },
  };
}

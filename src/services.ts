import { inOrder, mergeVersions, pickUncovered } from './archive/versions.ts';
import { type Config, ConfigError } from './config.ts';
import { createOpenStreams } from './domain/open-streams.ts';
import type { ChatModel, EmbeddingModel, Files, Logger, Services } from './domain/services.ts';
import { readOrMakeApiKey } from './infra/api-key.ts';
import { openDatabase } from './infra/database.ts';
import { openDownloads } from './infra/downloads.ts';
import { openEmbeddedPostgres } from './infra/embedded-postgres.ts';
import { openPostgresEvents } from './infra/events/postgres-events.ts';
import { openRedisEvents } from './infra/events/redis-events.ts';
import { openLocalFiles } from './infra/files/local-files.ts';
import { createIngestRoot } from './infra/ingest-root.ts';
import { openMetrics } from './infra/metrics.ts';
import { openMetricsServer } from './infra/metrics-server.ts';
import { migrate } from './infra/migrate.ts';
import { atMost, type Deadline, deadlineIn } from './infra/patience.ts';
import {
  type OpenQueue,
  openQueue,
  openQueueTelemetry,
  postgresQueueBackend,
  type QueueBackend,
  redisQueueBackend,
} from './infra/queue.ts';
import { createRateLimits } from './infra/rate-limits.ts';
import { openRedis } from './infra/redis.ts';
import { openReplicas } from './infra/replicas.ts';
import { createSecrets } from './infra/secrets.ts';
import { problemsOfStart } from './infra/start-problems.ts';
import { openThreads } from './infra/threads.ts';
import { prepareVectors } from './infra/vectors.ts';
import { openWorkspace } from './infra/workspace.ts';

/** A store that is away or does not answer must not hold a shutdown up for ever. */
const CLOSE_PATIENCE_MS = 2_000;
const CLOSE_ALL_MS = 15_000;

export interface OpenServices {
  services: Services;
  /** What a worker in this process runs on. */
  workerBackend: QueueBackend;
  /** A page that shows the queue, see `OpenQueue`. */
  openQueueBoard: OpenQueue['openBoard'];
  /** True when no other process could run the jobs. */
  embedded: boolean;
  apiKey: string;
  /** True at the first start: the one time to show the key. */
  apiKeyMade: boolean;
  /** Closes all that was opened, in reverse. Only an embedded database may take longer than the deadline. */
  close(deadline?: Deadline): Promise<void>;
}

/**
 * Opens everything that the rules stand on, for the API and for a worker alike, and migrates the database. Throws when
 * something cannot be opened, with what was opened before closed again, and a ConfigError before anything is.
 */
export async function openServices(config: Config, logger: Logger): Promise<OpenServices> {
  const { dataDir, ingestRoot, sync } = config;
  const problems = await problemsOfStart({
    dataDir,
    ingestRoot,
    exportUrl: sync.initial.exportUrl,
    allowedHosts: sync.allowedHosts,
  });
  if (problems.length > 0) throw new ConfigError(problems);
  const closers: ((deadline: Deadline) => Promise<unknown>)[] = [];
  const close = async (deadline = deadlineIn(CLOSE_ALL_MS)) => {
    for (const closer of closers.splice(0).reverse()) {
      await closer(deadline).catch((error) => logger.warn({ error }, 'something did not close cleanly'));
    }
  };
  const closeInTime = (name: string, closer: () => Promise<unknown>) => {
    closers.push(async (deadline) => {
      if (!(await atMost(deadline.within(CLOSE_PATIENCE_MS), closer())))
        logger.warn({ name }, 'something did not close in time');
    });
  };
  try {
    const key = config.apiKey
      ? { apiKey: config.apiKey, made: false }
      : await readOrMakeApiKey(config.dataDir);

    let databaseUrl = config.databaseUrl;
    if (!databaseUrl) {
      const postgres = await openEmbeddedPostgres({ directory: config.dataDir, logger });
      // Not hurried: it writes everything to disk.
      closers.push(postgres.close);
      databaseUrl = postgres.url;
    }
    const directUrl = config.directUrl ?? databaseUrl;
    await migrate(directUrl, logger);
    const { prisma, database, pools, close: closeDatabase } = openDatabase({ url: databaseUrl, logger });
    closeInTime('database', closeDatabase);
    const replicas =
      config.replicaUrls.length > 0 ? openReplicas(config.replicaUrls, { prisma, database }, logger) : null;
    if (replicas) closeInTime('replicas', replicas.close);

    const redis = config.redis ? openRedis(config.redis, logger) : null;
    if (redis) closeInTime('redis', redis.close);
    const telemetry = config.tracing ? await openQueueTelemetry() : undefined;
    const queueBackend = (purpose: 'queue' | 'worker') => ({
      ...(redis ? redisQueueBackend(redis, purpose) : postgresQueueBackend(directUrl)),
      telemetry,
    });
    const queue = await openQueue(queueBackend('queue'), logger);
    closeInTime('queue', queue.close);
    const events = redis ? openRedisEvents(redis) : await openPostgresEvents(directUrl, database, logger);
    closeInTime('events', events.close);
    const downloads = openDownloads(config.sync);
    closeInTime('downloads', downloads.close);

    const workspace = await openWorkspace(config.dataDir, config.sync.maxArchiveBytes);
    const threads = openThreads(workspace.scratchPath);
    closeInTime('threads', threads.close);

    const files = await openFiles(config);
    closeInTime('files', files.close);

    const metrics = openMetrics({ database, pools: { ...pools, ...replicas?.pools }, logger });
    if (config.metrics) closeInTime('metrics', (await openMetricsServer(metrics, config.metrics)).close);

    const services: Services = {
      prisma,
      database,
      replicas,
      queue,
      events,
      downloads,
      secrets: createSecrets(key.apiKey),
      workspace,
      files,
      ingest: createIngestRoot(config.ingestRoot, 'INGEST_ROOT'),
      watched: createIngestRoot(config.worker.watchDir, 'WATCH_DIR'),
      limits: createRateLimits({
        factor: config.limits.rateFactor,
        redis: redis?.open('limits') ?? null,
        database,
        logger,
      }),
      streams: createOpenStreams(config.limits.maxSubscriptions),
      reader: { inOrder, pickUncovered, merge: mergeVersions },
      threads,
      sessions: config.sessions,
      allowedEmails: config.google?.allowedEmails ?? null,
      chat: await openChat(config, logger),
      embeddings: await openEmbeddings(config, logger),
      vectors: await prepareVectors(database, logger, config.embeddings !== null),
      metrics,
      logger,
    };
    return {
      services,
      workerBackend: queueBackend('worker'),
      openQueueBoard: queue.openBoard,
      embedded: !redis,
      apiKey: key.apiKey,
      apiKeyMade: key.made,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Null when no model is configured. */
export async function openChat({ chat }: Config, logger: Logger): Promise<ChatModel | null> {
  if (!chat) return null;
  // The client takes tens of megabytes: only who has a model pays for it.
  const { openChatModel } = await import('./infra/llm.ts');
  return openChatModel(chat, logger);
}

/** Null when none is configured. */
export async function openEmbeddings({ embeddings }: Config, logger: Logger): Promise<EmbeddingModel | null> {
  if (!embeddings) return null;
  const { openEmbeddingModel } = await import('./infra/embeddings.ts');
  return openEmbeddingModel(embeddings, logger);
}

/** The store of contents alone, for what needs nothing else. */
export async function openFiles({ dataDir, s3 }: Config): Promise<Files & { close(): Promise<void> }> {
  if (s3) {
    // The SDK takes tens of megabytes: only who has a bucket pays for it.
    const { openS3Files } = await import('./infra/files/s3-files.ts');
    return openS3Files(s3, dataDir);
  }
  return { ...(await openLocalFiles(dataDir)), close: async () => undefined };
}

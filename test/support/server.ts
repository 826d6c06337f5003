// For the threads of the servers under test, which take the cache over: each would strip its sources anew.
import '../../src/infra/compile-cache.js';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { v7 as uuidv7 } from 'uuid';
import { inject } from 'vitest';
import { authenticateOwner } from '../../src/auth/api-key.ts';
import { loadConfig } from '../../src/config.ts';
import type { Events, Services } from '../../src/domain/services.ts';
import { nowhere, type Viewer } from '../../src/domain/viewer.ts';
import { createLogger } from '../../src/infra/logger.ts';
import { connectRedis, serversOf } from '../../src/infra/redis.ts';
import { serve } from '../../src/server.ts';
import { type OpenServices, openServices } from '../../src/services.ts';
import { openWorker } from '../../worker/worker.ts';
import { createTestClient, type TestClient } from './client.ts';
import { redisConfigOf } from './config.ts';
import { type ExportServer, startExportServer } from './exports.ts';
import { createTestDatabase } from './postgres.ts';
import { claimRedisDatabase } from './redis.ts';
import { until } from './until.ts';

export const backends = ['postgres', 'redis'] as const;
export type Backend = (typeof backends)[number];

export interface TestUser {
  apiKey: string;
  viewer: Viewer;
  client: TestClient;
}

export interface TestServer {
  url: string;
  apiKey: string;
  /** Of the owner. */
  client: TestClient;
  viewer: Viewer;
  /** Those of the API, to arrange and to look behind the scenes. */
  services: Services;
  exports: ExportServer;
  databaseUrl: string;
  /** Null on the PostgreSQL back end. */
  redisUrl: string | null;
  /** Everything logged so far, in one string. */
  logged(): string;
  /** A user who is not the owner, with a key of their own. */
  asUser(scopes?: Viewer['scopes']): Promise<TestUser>;
  /** For a server started without: a process of its own in production, here a set of services of its own. */
  startWorker(): Promise<{ close(): Promise<void> }>;
  /** Stops everything. Throws when something was left behind: a subscription, a worker or a connection. */
  close(): Promise<void>;
}

export interface TestServerOptions {
  backend: Backend;
  /** False to look at tasks that wait. */
  worker?: boolean;
  /** In place of the run's own Redis. */
  redisUrl?: string;
  env?: Record<string, string>;
}

/** The real server on a private database and queue, on a free port of loopback. */
export async function startTestServer(options: TestServerOptions): Promise<TestServer> {
  const surroundings = closersInReverse();
  const parts = closersInReverse();
  try {
    return await assemble(options, surroundings, parts);
  } catch (error) {
    await parts.close();
    await surroundings.close();
    throw error;
  }
}

interface Closers {
  add(closer: () => Promise<unknown>): void;
  close(): Promise<void>;
}

function closersInReverse(): Closers {
  const closers: (() => Promise<unknown>)[] = [];
  return {
    add: (closer) => closers.push(closer),
    async close() {
      for (const closer of closers.splice(0).reverse()) await closer();
    },
  };
}

/** `surroundings` outlive the server's `parts`, so that one can look there for what a part left behind. */
async function assemble(
  options: TestServerOptions,
  surroundings: Closers,
  parts: Closers,
): Promise<TestServer> {
  const { backend, worker: withWorker = true } = options;
  const dataDir = await mkdtemp(join(tmpdir(), 'sidecar-test-'));
  surroundings.add(() => rm(dataDir, { recursive: true, force: true }));
  const database = await createTestDatabase();
  surroundings.add(database.drop);
  const exports = await startExportServer();
  surroundings.add(exports.close);
  const redisUrl = backend === 'redis' ? await openRedisFor(options, surroundings) : null;

  const apiKey = `sidecar_${randomBytes(24).toString('base64url')}`;
  const config = loadConfig({
    DB_URL: database.url,
    REDIS_URL: redisUrl ?? '',
    DATA_DIR: dataDir,
    PORT: '0',
    API_KEY: apiKey,
    EXPORT_ALLOWED_HOSTS: exports.host,
    LOG_LEVEL: 'trace',
    ...options.env,
  });
  const lines: string[] = [];
  const logger = createLogger(config, 'test', lineCollector(lines));

  const listeners = { count: 0 };
  const open = async (): Promise<OpenServices> => {
    const opened = await openServices(config, logger);
    return {
      ...opened,
      services: { ...opened.services, events: countListeners(opened.services.events, listeners) },
      // The tests say when a worker starts, in this process or beside it.
      embedded: opened.embedded && withWorker,
    };
  };
  const opened = await open();
  const users = new Map<string, Viewer>();
  let viewer: Viewer | null = null;
  const server = await serve(opened, config, logger, (ownerKey, owner) => {
    viewer = owner;
    const ofOwner = authenticateOwner(ownerKey, owner);
    return async (shown) => (await ofOwner(shown)) ?? users.get(shown.apiKey ?? '') ?? null;
  });
  parts.add(() => server.close());
  if (!viewer) throw new Error('The server asked for no authentication.');

  const client = createTestClient(server.url, apiKey);
  const clients = [client];
  const startWorker = async () => {
    const own = await open();
    parts.add(() => own.close());
    const worker = await openWorker(own.services, own.workerBackend, { ...config.worker, ...config.sync });
    let closed: Promise<void> | null = null;
    const close = () => {
      closed ??= worker.close().then(() => own.close());
      return closed;
    };
    parts.add(close);
    return { close };
  };
  if (withWorker && !opened.embedded) await startWorker();
  const { services } = opened;

  return {
    url: server.url,
    apiKey,
    client,
    viewer,
    services,
    exports,
    databaseUrl: database.url,
    redisUrl,
    logged: () => lines.join(''),
    startWorker,
    async asUser(scopes = new Set(['read', 'write'] as const)) {
      const user = await services.prisma.user.create({ data: { id: uuidv7(), displayName: 'Second' } });
      const key = `second_${randomBytes(24).toString('base64url')}`;
      const second = { userId: user.id, scopes, credential: null, origin: nowhere };
      users.set(key, second);
      const secondClient = createTestClient(server.url, key);
      clients.push(secondClient);
      return { apiKey: key, viewer: second, client: secondClient };
    },
    async close() {
      try {
        for (const each of clients) await each.close();
        await parts.close();
        await until('no subscription is left', () => listeners.count === 0);
        await until('no connection to the database is left', database.isIdle);
        if (redisUrl) await until('no connection to Redis is left', () => isRedisIdle(redisUrl));
      } finally {
        await surroundings.close();
      }
    },
  };
}

async function openRedisFor(options: TestServerOptions, surroundings: Closers): Promise<string> {
  if (options.redisUrl) return options.redisUrl;
  const redis = await claimRedisDatabase(inject('redisUrl'));
  surroundings.add(redis.drop);
  return redis.url;
}

function lineCollector(lines: string[]): Writable {
  return new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
}

function countListeners(events: Events, listeners: { count: number }): Events {
  return {
    ...events,
    async listen(event, key, listener) {
      const stop = await events.listen(event, key, listener);
      listeners.count += 1;
      return async () => {
        await stop();
        listeners.count -= 1;
      };
    },
  };
}

/** Whether nobody is connected to this database of Redis, to which its claim stays connected, and for all nodes of a cluster. */
async function isRedisIdle(url: string): Promise<boolean> {
  const config = redisConfigOf(url);
  const client = connectRedis(config, {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectionName: 'test-leaks',
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const lists = await Promise.all(serversOf(client).map((server) => server.client('LIST')));
    const lines = lists.join('\n').split('\n');
    const number = config.kind === 'server' ? new URL(config.url).pathname.slice(1) : '';
    return !lines.some((line) => /name=\S*sidecar/.test(line) && line.includes(`db=${number || '0'} `));
  } catch {
    // A test stopped it, and with it every connection.
    return true;
  } finally {
    client.disconnect();
  }
}

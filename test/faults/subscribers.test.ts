import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { dataDirOf } from '../support/account.ts';
import { createTestClient } from '../support/client.ts';
import { exportOf, startExportServer } from '../support/exports.ts';
import { findFreePort } from '../support/free-port.ts';
import { createTestDatabase, query } from '../support/postgres.ts';
import { startRedis } from '../support/redis.ts';
import { backends, startTestServer, type TestServer } from '../support/server.ts';
import { startServerProcess } from '../support/server-process.ts';
import {
  changeTask,
  startSync,
  statusQuery,
  statusSubscription,
  sync,
  type TaskAnswer,
  untilOver,
} from '../support/syncs.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import { startWorkerProcess } from '../support/worker-process.ts';

describe.each(backends)('On %s', (backend) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ backend });
  });
  afterAll(() => server.close());

  test('C6: a subscription survives the loss of the connection for events, and misses no end', async () => {
    const { client } = await server.asUser();
    const conversations = Array.from({ length: 30 }, (_, index) => dialogue(`lost-${index}`));
    const file = server.exports.serve(await exportOf(conversations, { perShard: 10 }), { held: true });
    const { id } = await startSync(client, file.url);
    const events = client.subscribe<{ syncStatus: TaskAnswer }>('sse', statusSubscription, { taskId: id });
    await events.next();
    const heard: unknown[] = [];
    const stop = await server.services.events.listen('syncTask', id, (event) => heard.push(event));
    expect(await dropEventConnections(server)).toBeGreaterThan(0);
    // Reading the row now and then would hide that nothing is heard any more.
    await until('the connection is there again', () => heard.includes(null));
    const event = { taskId: id, seq: 1 };
    await server.services.events.publish('syncTask', id, event);
    await until('events are heard again', () => heard.length > 1);
    expect(heard.at(-1)).toEqual(event);
    await stop();

    file.release();
    await until('it is over while connections for events are lost again and again', async () => {
      await dropEventConnections(server);
      const { syncStatus } = await client.request<{ syncStatus: TaskAnswer }>(statusQuery, { taskId: id });
      return syncStatus.status === 'COMPLETED';
    });
    let last: TaskAnswer | undefined;
    for await (const { syncStatus } of events) last = syncStatus;
    expect(last).toMatchObject({ id, status: 'COMPLETED', counts: { added: 30 } });
  });
});

test('C7: without Redis a subscription still tells the present state, and ends', async () => {
  const redis = await startRedis();
  const server = await startTestServer({ backend: 'redis', redisUrl: redis.url });
  const { url } = server.exports.serve(await exportOf([dialogue('no-redis')]));
  const { id } = await sync(server.client, url);
  await redis.close();
  expect(await untilOver(server.client, id)).toMatchObject({ id, status: 'COMPLETED' });
  const again = await startRedis({ port: redis.port });
  const ready = () => server.client.rest('GET', '/readyz');
  await until('the server has Redis again', async () => (await ready()).status === 200);
  await server.close();
  await again.close();
});

test('C7: a server and a worker that start without Redis live, say so, and work once it is there', {
  timeout: 120_000,
}, async (context) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'sidecar-no-redis-'));
  context.onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  const database = await createTestDatabase();
  context.onTestFinished(database.drop);
  const exports = await startExportServer();
  context.onTestFinished(exports.close);
  const port = await findFreePort();
  const env = {
    DB_URL: database.url,
    REDIS_URL: `redis://127.0.0.1:${port}`,
    DATA_DIR: dataDir,
    API_KEY: 'sidecar_a_key_for_a_server_without_redis',
    EXPORT_ALLOWED_HOSTS: exports.host,
  };
  const [server, worker] = await Promise.all([startServerProcess(env), startWorkerProcess(env)]);
  context.onTestFinished(() => worker.kill());
  const client = createTestClient(server.url, env.API_KEY);
  context.onTestFinished(() => client.close());
  const ready = () => client.rest('GET', '/readyz');
  expect(await ready()).toMatchObject({ status: 503, json: { failures: { queue: 'does not answer' } } });
  expect(await client.rest('GET', '/healthz')).toMatchObject({ status: 200 });
  const { id } = await startSync(client, exports.serve(await exportOf([dialogue('early')])).url);
  const events = client.subscribe<{ syncStatus: TaskAnswer }>('sse', statusSubscription, { taskId: id });
  expect((await events.next()).value.syncStatus).toMatchObject({ status: 'QUEUED' });

  const redis = await startRedis({ port });
  context.onTestFinished(() => redis.close());
  await until('it is ready', async () => (await ready()).status === 200);
  let last: TaskAnswer | undefined;
  for await (const { syncStatus } of events) last = syncStatus;
  expect(last).toMatchObject({ status: 'COMPLETED', attempt: 1 });
  expect(await Promise.all([server.stop(), worker.stop()])).toEqual([0, 0]);
  expect(server.logged() + worker.logged()).not.toMatch(/unexpected error|unhandled/i);
});

test('C13: a hundred streams of a server that dies go on at another one, and leave no subscription', {
  timeout: 120_000,
}, async (context) => {
  const server = await startTestServer({ backend: 'redis', worker: false });
  context.onTestFinished(() => server.close());
  const dying = await startServerProcess({
    DB_URL: server.databaseUrl,
    REDIS_URL: server.redisUrl ?? '',
    DATA_DIR: dataDirOf(server.services),
    API_KEY: server.apiKey,
  });
  const proxy = await startTcpProxy(dying.url);
  context.onTestFinished(() => proxy.close());
  const redis = new Redis(inject('redisUrl'));
  context.onTestFinished(() => redis.disconnect());
  const subscriptions = () => redis.pubsub('CHANNELS', `*${server.viewer.userId}*`);
  const { id } = await startSync(server.client, server.exports.serve('').url);

  const client = createTestClient(proxy.url, server.apiKey, { comesAgain: true });
  context.onTestFinished(() => client.close());
  const states: TaskAnswer[][] = Array.from({ length: 100 }, () => []);
  const streams = states.map(async (seen) => {
    const events = client.subscribe<{ syncStatus: TaskAnswer }>('sse', statusSubscription, { taskId: id });
    for await (const { syncStatus } of events) seen.push(syncStatus);
  });
  const haveSeen = (count: number) => states.every((seen) => seen.length >= count);
  await until('all have the present state', () => haveSeen(1));
  proxy.lead(server.url);
  await dying.kill();
  await until('all have it from the other one', () => haveSeen(2));
  expect(await subscriptions()).not.toEqual([]);
  await changeTask(server.client, 'cancelSync', id);
  await Promise.all(streams);
  for (const seen of states)
    expect(seen.map(({ status }) => status)).toEqual(['QUEUED', 'QUEUED', 'CANCELLED']);
  await until('Redis knows of no subscription', async () => (await subscriptions()).length === 0);
});

/** Cuts what carries events, as a network or a restart of the store would. Answers how many connections. */
async function dropEventConnections({ redisUrl, databaseUrl }: TestServer): Promise<number> {
  if (redisUrl) {
    const redis = new Redis(redisUrl);
    // Other files share this Redis, each with a database of its own.
    const own = ` db=${new URL(redisUrl).pathname.slice(1)} `;
    const clients = String(await redis.call('CLIENT', 'LIST', 'TYPE', 'pubsub')).split('\n');
    const ids = clients.filter((line) => line.includes(own)).map((line) => /^id=(\d+)/.exec(line)?.[1] ?? '');
    let killed = 0;
    for (const id of ids) killed += Number(await redis.call('CLIENT', 'KILL', 'ID', id));
    redis.disconnect();
    return killed;
  }
  const ended = await query(
    databaseUrl,
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE application_name = 'sidecar-events' AND datname = current_database()`,
  );
  return ended.length;
}

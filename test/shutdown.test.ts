import { expect, test } from 'vitest';
import { dialogue } from './archive/builders.ts';
import { exportOf } from './support/exports.ts';
import { startRedis } from './support/redis.ts';
import { startTestServer } from './support/server.ts';
import { startSync, statusSubscription, type TaskAnswer } from './support/syncs.ts';
import { until } from './support/until.ts';

test('A server and a worker that lost Redis close without it', async () => {
  const redis = await startRedis();
  const server = await startTestServer({ backend: 'redis', redisUrl: redis.url });
  const file = server.exports.serve(await exportOf([dialogue('held')]), { held: true });
  const { id } = await startSync(server.client, file.url);
  const events = server.client.subscribe<{ syncStatus: TaskAnswer }>('websocket', statusSubscription, {
    taskId: id,
  });
  await until('a worker is at the task', async () => (await events.next()).value.syncStatus.startedAt);
  await redis.close();
  await until('the worker knows', () => lostConnections(server.logged()).has('worker'));
  // One that asks while Redis is away, and one that stops listening.
  const stop = server.services.events.listen('syncTask', 'unheard', () => undefined).catch(String);
  await events.return?.();
  await server.close();
  expect(await stop).toContain('Connection is closed');
});

test('A server and a worker that come to nothing without Redis close', async () => {
  const redis = await startRedis();
  await redis.close();
  const server = await startTestServer({ backend: 'redis', redisUrl: redis.url });
  await until('both have tried', () => lostConnections(server.logged()).size >= 2);
  await server.close();
});

/** The purposes of connections that the log has had trouble with. */
const lostConnections = (logged: string) =>
  new Set(Array.from(logged.matchAll(/"purpose":"(\w+)"/g), ([, purpose]) => purpose));

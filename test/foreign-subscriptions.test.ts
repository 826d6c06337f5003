import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { dialogue } from './archive/builders.ts';
import { exportOf } from './support/exports.ts';
import { startRedis } from './support/redis.ts';
import { startTestServer } from './support/server.ts';
import { startSync, statusSubscription } from './support/syncs.ts';

test('A subscription to somebody else’s task asks Redis for nothing', async () => {
  const own = await startRedis();
  onTestFinished(() => own.close());
  const server = await startTestServer({ backend: 'redis', redisUrl: own.url, worker: false });
  onTestFinished(() => server.close());
  const redis = new Redis(own.url);
  onTestFinished(() => redis.disconnect());
  const subscribed = async () =>
    Number(/cmdstat_subscribe:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);

  const [owner, stranger] = [await server.asUser(), await server.asUser()];
  const file = server.exports.serve(await exportOf([dialogue('mine')]));
  const { id: taskId } = await startSync(owner.client, file.url);
  const before = await subscribed();
  for (const transport of ['sse', 'websocket'] as const) {
    const events = stranger.client.subscribe(transport, statusSubscription, { taskId });
    await expect(events.next()).rejects.toThrow('NOT_FOUND');
  }
  expect(await subscribed()).toBe(before);
  await owner.client.subscribe('sse', statusSubscription, { taskId }).next();
  expect(await subscribed()).toBeGreaterThan(before);
});

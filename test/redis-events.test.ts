import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { openRedisEvents } from '../src/infra/events/redis-events.ts';
import { openRedis } from '../src/infra/redis.ts';
import { redisConfigOf } from './support/config.ts';
import { quietLogger } from './support/postgres.ts';
import { startRedis } from './support/redis.ts';
import { startTcpProxy } from './support/tcp-proxy.ts';

// What nobody caught ends the program in place of its shutdown, and fails a run of the tests.
test('a connection that ends for good while its channels are asked for again fails nobody', async () => {
  const server = await startRedis();
  onTestFinished(server.close);
  const proxy = await startTcpProxy(server.url);
  onTestFinished(proxy.close);
  const redis = openRedis(redisConfigOf(proxy.url.replace('http:', 'redis:')), quietLogger);
  onTestFinished(redis.close);
  const subscriber = redis.openSubscriber();
  const events = openRedisEvents({ ...redis, openSubscriber: () => subscriber });
  onTestFinished(events.close);
  await events.listen('syncTask', 'user', () => undefined);

  const uncaught: unknown[] = [];
  const note = (error: unknown) => uncaught.push(error);
  process.on('unhandledRejection', note);
  onTestFinished(() => void process.off('unhandledRejection', note));
  const again = once(subscriber, 'ready');
  proxy.cut();
  proxy.mend();
  await again;
  // The channels have been asked for in this very turn, and Redis has not yet seen it.
  const ended = once(subscriber, 'end');
  subscriber.disconnect();
  proxy.cut();
  await ended;
  proxy.mend();
  // A rejection counts as uncaught at the end of its turn.
  await new Promise((resolve) => setImmediate(resolve));
  expect(uncaught).toEqual([]);
});

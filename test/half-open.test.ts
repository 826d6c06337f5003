import { randomUUID } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { openQueue, postgresQueueBackend } from '../src/infra/queue.ts';
import { openRedis } from '../src/infra/redis.ts';
import { redisConfigOf } from './support/config.ts';
import { createTestDatabase, quietLogger } from './support/postgres.ts';
import { startRedis } from './support/redis.ts';
import { startTcpProxy } from './support/tcp-proxy.ts';
import { until } from './support/until.ts';

// As when a host is gone without a word, or a firewall forgets a connection: the kernel waits a quarter of an hour.
test('a queue on PostgreSQL gives up connections on which no answer comes', async () => {
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  const proxy = await startTcpProxy(url);
  onTestFinished(proxy.close);
  const way = new URL(url);
  way.host = new URL(proxy.url).host;
  const queue = await openQueue(postgresQueueBackend(way.href, { answerMs: 1_000 }), quietLogger);
  onTestFinished(queue.close);
  proxy.silence();
  await until('it has new connections', () => ping(queue));
  await queue.enqueue('sync', { userId: randomUUID(), taskId: randomUUID() }, 'job');
});

test('clients of Redis give up connections on which no answer comes', async () => {
  const server = await startRedis();
  onTestFinished(server.close);
  const proxy = await startTcpProxy(server.url);
  onTestFinished(proxy.close);
  const config = redisConfigOf(proxy.url.replace('http:', 'redis:'));
  const redis = openRedis(config, quietLogger, { silenceMs: 1_000 });
  onTestFinished(redis.close);
  const [hasty, patient] = [redis.open('queue'), redis.openPatient('worker')];
  await Promise.all([hasty.ping(), patient.ping()]);
  proxy.silence();
  await until('the hasty one has a new connection', () => hasty.ping().catch(() => null));
  expect(await patient.ping()).toBe('PONG');
});

const ping = (queue: { ping(): Promise<void> }) =>
  queue.ping().then(
    () => true,
    () => false,
  );

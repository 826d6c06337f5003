import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Redis } from 'ioredis';
import { describe, expect, type TestContext, test } from 'vitest';
import { alignSchedule, schedulerIdOf } from '../../src/domain/sync/schedule.ts';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import { holdImportsAfter } from '../support/gate.ts';
import { startRedis } from '../support/redis.ts';
import type { TestServer, TestUser } from '../support/server.ts';
import { startSync, untilOver } from '../support/syncs.ts';
import { until } from '../support/until.ts';
import { expectClean, large, makeExport, setStage } from './stage.ts';

makeExport();

describe.concurrent('Redis', { timeout: 240_000 }, () => {
  test('C4, C15: a Redis that restarts costs no job, and what was asked for meanwhile gets its one job', async (context) => {
    const directory = await mkdtemp(join(tmpdir(), 'sidecar-redis-'));
    context.onTestFinished(() => rm(directory, { recursive: true, force: true }));
    let redis = await startRedis({ directory });
    context.onTestFinished(() => redis.close());
    const stage = await setStage(context, { backend: 'redis', redisUrl: redis.url });
    const { server } = stage;
    const gate = await holdImportsAfter(stage.databaseUrl, 20);
    await stage.work();
    const { id } = await startSync(server.client, server.exports.serve(large).url);
    await until('it imports', () => gate.isWaitedFor());
    const over = untilOver(server.client, id);

    await redis.close();
    // All of this answers while Redis is away, or the test would wait here for ever.
    const other = await server.asUser();
    const file = server.exports.serve(await exportOf([dialogue('meanwhile')]));
    const waiting = await startSync(other.client, file.url);
    expect(waiting.status).toBe('QUEUED');
    const scheduled = await schedule(server);
    expect(await server.client.rest('GET', '/readyz')).toMatchObject({
      status: 503,
      json: { failures: { queue: 'does not answer' } },
    });
    expect(await stage.task(id)).toMatchObject({ status: 'RUNNING' });

    redis = await startRedis({ port: redis.port, directory });
    await stage.work();
    await gate.open();
    await expectClean(stage, await over);
    expect(await untilOver(other.client, waiting.id)).toMatchObject({
      status: 'COMPLETED',
      attempt: 1,
      counts: { added: 1 },
    });
    expect(file.answers).toEqual([200]);
    await until('the schedule that was set meanwhile is known', () => plannedFor(server, scheduled));
  });

  test('C5: a Redis that restarts empty in the middle of an import costs nothing, and no schedule', async (context) => {
    let redis = await startRedis();
    context.onTestFinished(() => redis.close());
    const stage = await setStage(context, { backend: 'redis', redisUrl: redis.url });
    const { server } = stage;
    const gate = await holdImportsAfter(stage.databaseUrl, 20);
    await stage.work();
    const scheduled = await schedule(server);
    const [row] = await server.services.database.query<{ nextAt: Date }>(
      `UPDATE sync_configs SET next_sync_at = now() + interval '1 day' WHERE user_id = $1
       RETURNING next_sync_at AS "nextAt"`,
      [scheduled.viewer.userId],
    );
    await alignSchedule(server.services, scheduled.viewer.userId);
    // The worker that has just begun looks at schedules as well, and may have read the row as it was.
    await until('the queue follows the row', async () =>
      isDeepStrictEqual((await plannedFor(server, scheduled))?.nextAt, row?.nextAt),
    );
    const { id } = await startSync(server.client, server.exports.serve(large).url);
    await until('it imports', () => gate.isWaitedFor());
    const over = untilOver(server.client, id);
    await redis.close();
    redis = await startRedis({ port: redis.port });
    await gate.open();
    await expectClean(stage, await over);
    const again = await until('the schedule is there again', () => plannedFor(server, scheduled));
    expect(again.nextAt).toEqual(row?.nextAt);
  });

  test('C5: a Redis that forgets the job of a worker that died is told it again', async (context) => {
    const { stage, control } = await ownRedis(context);
    const { server } = stage;
    const gate = await holdImportsAfter(stage.databaseUrl, 20);
    const worker = await stage.work();
    const { id } = await startSync(server.client, server.exports.serve(large).url);
    await until('it imports', () => gate.isWaitedFor());
    await worker.kill();
    await gate.drop();
    await gate.open();
    await control.flushall();
    await stage.work();
    await expectClean(stage, await untilOver(server.client, id));
  });

  test('C14: a Redis that evicts keys is not ready, and the log says what to do', async (context) => {
    const { stage, control } = await ownRedis(context);
    const { server } = stage;
    const ready = () => server.client.rest('GET', '/readyz');
    expect(await ready()).toMatchObject({ status: 200 });
    await control.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const advice = 'Set maxmemory-policy to noeviction.';
    expect(await ready()).toMatchObject({
      status: 503,
      json: { ok: false, failures: { queue: expect.stringContaining(advice) } },
    });
    expect(server.logged()).toContain(advice);
    await control.config('SET', 'maxmemory-policy', 'noeviction');
    expect(await ready()).toMatchObject({ status: 200 });
  });

  test('C7: a Redis that refuses to subscribe costs neither an import nor the end of its stream', async (context) => {
    const { stage, control } = await ownRedis(context);
    const { server } = stage;
    await control.call('ACL', 'SETUSER', 'default', 'resetchannels');
    await server.startWorker();
    const { id } = await startSync(
      server.client,
      server.exports.serve(await exportOf([dialogue('deaf')])).url,
    );
    expect(await untilOver(server.client, id)).toMatchObject({ status: 'COMPLETED', attempt: 1 });
    expect(server.logged()).toContain('NOPERM');
  });
});

/** A new user with a schedule. */
async function schedule(server: TestServer): Promise<TestUser> {
  const user = await server.asUser();
  const exportUrl = server.exports.serve(await exportOf([dialogue('scheduled')])).url;
  await user.client.rest('POST', '/sync/config', { sync_enabled: true, chatgpt_export_url: exportUrl });
  return user;
}

/** What the queue knows of a user's schedule. */
const plannedFor = ({ services }: TestServer, { viewer }: TestUser) =>
  services.queue.scheduled(schedulerIdOf(viewer.userId));

/** A server without a worker on a Redis of its own, and a way to upset that. */
async function ownRedis(context: TestContext) {
  const redis = await startRedis();
  const control = new Redis(redis.url);
  context.onTestFinished(async () => {
    control.disconnect();
    await redis.close();
  });
  return { stage: await setStage(context, { backend: 'redis', redisUrl: redis.url }), control };
}

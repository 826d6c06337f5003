import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { localId } from '../../src/domain/global-id.ts';
import { findFreePort } from '../../src/infra/embedded-postgres/server.ts';
import { openEmbeddedPostgres } from '../../src/infra/embedded-postgres.ts';
import { holdImportsAfter } from '../support/gate.ts';
import { lockTable } from '../support/locks.ts';
import { quietLogger } from '../support/postgres.ts';
import { startRedis } from '../support/redis.ts';
import { backends } from '../support/server.ts';
import { foundBy, startSync, untilOver } from '../support/syncs.ts';
import { until } from '../support/until.ts';
import { expectClean, facts, large, makeExport, RECOVERY_MS, setStage, untilNoArchive } from './stage.ts';

makeExport();

describe.concurrent.each(backends)('On %s', { timeout: 150_000 }, (backend) => {
  test('a PostgreSQL that restarts in the middle of a batch costs nothing', async (context) => {
    const directory = await mkdtemp(join(tmpdir(), 'sidecar-restart-'));
    context.onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const port = String(await findFreePort());
    const start = () =>
      openEmbeddedPostgres({ directory, logger: quietLogger, settings: { port, fsync: 'off' } });
    let postgres = await start();
    context.onTestFinished(() => postgres.close());
    const url = new URL(postgres.url);
    url.port = port;
    const stage = await setStage(context, { backend, env: { DB_URL: url.href } });
    const { server } = stage;
    const gate = await holdImportsAfter(url.href, 20);
    await stage.work();
    const { id } = await startSync(server.client, server.exports.serve(large).url);
    await until('it imports', () => gate.isWaitedFor());
    await postgres.close();
    postgres = await start();
    const over = await until(
      'it is over',
      async () => {
        const task = await stage.task(id).catch(() => null);
        return task?.status === 'COMPLETED' || task?.status === 'FAILED' ? task : null;
      },
      RECOVERY_MS,
    );
    await expectClean(stage, over);
  });

  test('a full disk is told, leaves nothing behind, and is waited out', async (context) => {
    const { server } = await setStage(context, { backend });
    await server.startWorker();
    const lock = await lockTable(server.databaseUrl, 'known_sources');
    const { id } = await startSync(server.client, server.exports.serve(large).url);
    await until('it is about to download', () => lock.isWaitedFor());
    // The kernel's own full disk; the attempt after it finds an ordinary one.
    await symlink('/dev/full', `${server.services.workspace.archivePath(localId('SyncTask', id))}.part`);
    await lock.release();
    const over = await untilOver(server.client, id);
    expect(over).toMatchObject({ status: 'COMPLETED', attempt: 2 });
    expect(foundBy(over)).toBe(facts.conversations);
    expect(server.logged()).toContain('NO_SPACE');
    await untilNoArchive(server);
  });
});

describe.concurrent('Redis', { timeout: 150_000 }, () => {
  test('that restarts empty in the middle of an import costs nothing', async (context) => {
    let redis = await startRedis();
    context.onTestFinished(() => redis.close());
    const stage = await setStage(context, { backend: 'redis', redisUrl: redis.url });
    const { server } = stage;
    const gate = await holdImportsAfter(stage.databaseUrl, 20);
    await stage.work();
    const { id } = await startSync(server.client, server.exports.serve(large).url);
    await until('it imports', () => gate.isWaitedFor());
    const over = untilOver(server.client, id);
    await redis.close();
    redis = await startRedis({ port: redis.port });
    await gate.open();
    await expectClean(stage, await over);
  });

  test('that forgets the job of a worker that died is told it again', async (context) => {
    const redis = await startRedis();
    context.onTestFinished(() => redis.close());
    const stage = await setStage(context, { backend: 'redis', redisUrl: redis.url });
    const { server } = stage;
    const gate = await holdImportsAfter(stage.databaseUrl, 20);
    const worker = await stage.work();
    const { id } = await startSync(server.client, server.exports.serve(large).url);
    await until('it imports', () => gate.isWaitedFor());
    await worker.kill();
    await gate.drop();
    await gate.open();
    const client = new Redis(redis.url);
    await client.flushall();
    await client.quit();
    await stage.work();
    await expectClean(stage, await untilOver(server.client, id));
  });
});

import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { type GeneratedExport, generateExport } from '../bench/generator/index.ts';
import { localId } from '../src/domain/global-id.ts';
import { emptyTally, prepareBatch } from '../src/domain/import/batch.ts';
import { recordProblems } from '../src/domain/import/problems.ts';
import { writeBatch } from '../src/domain/import/write.ts';
import { claimTask } from '../src/domain/sync/claim.ts';
import { finishTask } from '../src/domain/sync/finish.ts';
import { LeaseLostError, writeTask } from '../src/domain/sync/lease.ts';
import { findFreePort } from '../src/infra/embedded-postgres/server.ts';
import { openEmbeddedPostgres } from '../src/infra/embedded-postgres.ts';
import { dialogue } from './archive/builders.ts';
import { dataDirOf, dumpContent, listBelow } from './support/account.ts';
import { exportOf } from './support/exports.ts';
import { holdImportsAfter } from './support/gate.ts';
import { lockTable } from './support/locks.ts';
import { quietLogger } from './support/postgres.ts';
import { startRedis } from './support/redis.ts';
import {
  type Backend,
  backends,
  startTestServer,
  type TestServer,
  type TestServerOptions,
} from './support/server.ts';
import {
  foundBy,
  startSync,
  statusQuery,
  statusSubscription,
  sync,
  type TaskAnswer,
  untilOver,
} from './support/syncs.ts';
import { until } from './support/until.ts';
import { startWorkerProcess, type WorkerProcess } from './support/worker-process.ts';

/** A worker that died is known to be dead within this, and its job goes on. */
const RECOVERY_MS = 30_000;

let folder: string;
let large: Buffer;
let facts: GeneratedExport;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sidecar-faults-'));
  const path = join(folder, 'export.zip');
  facts = await generateExport({ path, targetBytes: 12_000_000, seed: 5 });
  large = await readFile(path);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Stage {
  server: TestServer;
  databaseUrl: string;
  /** Another worker in a process of its own. */
  work(): Promise<WorkerProcess>;
  task(id: string): Promise<TaskAnswer>;
}

/** A server without a worker; whatever is started goes with the test. */
async function setStage(
  { onTestFinished }: TestContext,
  options: Partial<TestServerOptions> & { backend: Backend },
): Promise<Stage> {
  const server = await startTestServer({ worker: false, ...options });
  const workers: WorkerProcess[] = [];
  onTestFinished(async () => {
    for (const worker of workers) await worker.kill();
    await server.close();
  });
  const databaseUrl = options.env?.DB_URL ?? server.databaseUrl;
  return {
    server,
    databaseUrl,
    async work() {
      const worker = await startWorkerProcess({
        DB_URL: databaseUrl,
        REDIS_URL: server.redisUrl ?? '',
        DATA_DIR: dataDirOf(server.services),
        API_KEY: server.apiKey,
        EXPORT_ALLOWED_HOSTS: server.exports.host,
      });
      workers.push(worker);
      return worker;
    },
    async task(id) {
      return (await server.client.request<{ syncStatus: TaskAnswer }>(statusQuery, { taskId: id }))
        .syncStatus;
    },
  };
}

/** That a task brought in all of the large export, once, and just as an undisturbed import does. */
async function expectClean({ server }: Stage, over: TaskAnswer) {
  expect(over).toMatchObject({
    status: 'COMPLETED',
    error: null,
    counts: {
      added: facts.conversations,
      updated: 0,
      unchanged: 0,
      skipped: 0,
      failed: 0,
      messagesAdded: facts.messages,
    },
    progress: {
      fraction: 1,
      conversationsDone: facts.conversations,
      conversationsTotal: facts.conversations,
    },
  });
  const other = await server.asUser();
  const clean = await sync(other.client, server.exports.serve(large).url);
  expect(clean).toMatchObject({ status: 'COMPLETED', counts: over.counts });
  const dump = await dumpContent(server.services, server.viewer.userId);
  expect(dump).toEqual(await dumpContent(server.services, other.viewer.userId));
}

async function untilNoArchive({ services }: TestServer): Promise<void> {
  const archives = join(dataDirOf(services), 'archives');
  await until('no archive is left', async () => (await listBelow(archives)).length === 0);
}

describe.concurrent.each(backends)('On %s', { timeout: 150_000 }, (backend) => {
  test('an import whose worker is killed again and again goes on each time', async (context) => {
    const stage = await setStage(context, { backend });
    const { server } = stage;
    const file = server.exports.serve(large);
    const { id } = await startSync(server.client, file.url);
    const states: TaskAnswer[] = [];
    const watched = (async () => {
      const events = server.client.subscribe<{ syncStatus: TaskAnswer }>('sse', statusSubscription, {
        taskId: id,
      });
      for await (const { syncStatus } of events) states.push(syncStatus);
    })();
    for (const committed of [20, 200]) {
      const gate = await holdImportsAfter(stage.databaseUrl, committed);
      const worker = await stage.work();
      await until(`the batch after ${committed} is being written`, () => gate.isWaitedFor(), RECOVERY_MS);
      await worker.kill();
      await gate.drop();
      await gate.open();
      const { counts, status } = await stage.task(id);
      expect(status).toBe('RUNNING');
      expect(counts.added).toBeGreaterThanOrEqual(committed);
      expect(counts.added).toBeLessThan(facts.conversations);
    }
    await stage.work();
    await watched;
    const over = await stage.task(id);
    expect(over.attempt).toBe(3);
    expect(states.at(-1)).toMatchObject({ status: 'COMPLETED', seq: over.seq });
    const fractions = states.map((state) => state.progress.fraction);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(file.answers).toEqual([200]);
    await expectClean(stage, over);
  });

  test('a task that kills every worker ends with a reason', async (context) => {
    const stage = await setStage(context, { backend });
    const { server } = stage;
    const { id } = await startSync(
      server.client,
      server.exports.serve(await exportOf([dialogue('poison')])).url,
    );
    const gate = await holdImportsAfter(stage.databaseUrl, 0);
    for (;;) {
      const worker = await stage.work();
      const state = await until(
        'it begins once more or is over',
        async () => {
          if (await gate.isWaitedFor()) return 'begun';
          return (await stage.task(id)).status === 'FAILED' && 'over';
        },
        RECOVERY_MS,
      );
      if (state === 'over') break;
      await worker.kill();
      await gate.drop();
    }
    await gate.open();
    expect(await untilOver(server.client, id)).toMatchObject({
      status: 'FAILED',
      phase: 'DONE',
      attempt: 5,
      error: { code: 'WORKER_CRASHED', message: expect.stringContaining('4 times') },
    });
  });

  test('a worker that is told to stop hands its task to the next one', async (context) => {
    const stage = await setStage(context, { backend });
    const { server } = stage;
    const file = server.exports.serve(large);
    const gate = await holdImportsAfter(stage.databaseUrl, 20);
    const worker = await stage.work();
    const { id } = await startSync(server.client, file.url);
    await until('it imports', () => gate.isWaitedFor());
    const stopped = worker.stop();
    await gate.open();
    expect(await stopped).toBe(0);
    const handed = await stage.task(id);
    expect(handed).toMatchObject({ status: 'QUEUED', attempt: 0, error: null });
    expect(handed.counts.added).toBeGreaterThan(0);
    await stage.work();
    const over = await untilOver(server.client, id);
    expect(over.attempt).toBe(1);
    expect(file.answers).toEqual([200]);
    await expectClean(stage, over);
  });

  test('a worker that dies between download and import leaves the file to the next one', async (context) => {
    const stage = await setStage(context, { backend });
    const { server } = stage;
    const file = server.exports.serve(await exportOf([dialogue('fetched')]));
    const gate = await holdImportsAfter(stage.databaseUrl, 0, 'known_sources');
    const worker = await stage.work();
    const { id } = await startSync(server.client, file.url);
    await until('it has the file', () => gate.isWaitedFor());
    await worker.kill();
    await gate.drop();
    await gate.open();
    await stage.work();
    expect(await untilOver(server.client, id)).toMatchObject({
      status: 'COMPLETED',
      attempt: 2,
      counts: { added: 1 },
    });
    expect(file.answers).toEqual([200]);
    await untilNoArchive(server);
  });

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

  test('of two workers on one task the older is refused', async (context) => {
    const { server } = await setStage(context, { backend });
    const { services, viewer } = server;
    const { id } = await startSync(server.client, server.exports.serve('').url);
    const taskId = localId('SyncTask', id);
    const older = await claimTask(services, viewer.userId, taskId);
    const newer = await claimTask(services, viewer.userId, taskId);
    if (!older || !newer) throw new Error('The task could not be claimed.');
    const content = { bytes: Buffer.from(JSON.stringify(dialogue('fenced'))) };
    const elements = [{ shard: 'conversations.json', element: 0, content }];
    const batch = await prepareBatch(services, viewer.userId, elements);
    const change = { checkpoint: { shard: 'conversations.json', element: 1 } };
    const problem = { outcome: 'WARNING' as const, code: 'X', reason: 'x' };
    for (const write of [
      () => writeBatch(services, older, batch, change),
      () => writeTask(services.database, older, { tally: { ...emptyTally(), added: 7 } }),
      () => recordProblems(services, older, [problem]),
      () => finishTask(services, older),
    ]) {
      await expect(write()).rejects.toThrow(LeaseLostError);
    }
    await writeBatch(services, newer, batch, change);
    expect(await finishTask(services, newer)).toBe('COMPLETED');
    expect(await untilOver(server.client, id)).toMatchObject({ status: 'COMPLETED', counts: { added: 1 } });
    expect(await claimTask(services, viewer.userId, taskId)).toBeNull();
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

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { storeMadeFile } from '../../src/domain/background/file.ts';
import {
  claimBackgroundTask,
  finishBackgroundTask,
  MAX_ATTEMPTS,
  releaseBackgroundTask,
  writeBackgroundTask,
} from '../../src/domain/background/lease.ts';
import { localId } from '../../src/domain/global-id.ts';
import { LeaseLostError } from '../../src/domain/lease.ts';
import { requeueLostTasks } from '../../src/domain/reconcile.ts';
import { dialogue } from '../archive/builders.ts';
import { listFiles } from '../support/account.ts';
import { askBackground, followBackground, readBackground } from '../support/background.ts';
import { exportOf } from '../support/exports.ts';
import { lockTable } from '../support/locks.ts';
import { backends, startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { sync } from '../support/syncs.ts';
import { until } from '../support/until.ts';
import { startWorkerProcess } from '../support/worker-process.ts';

const cancelCall = ['cancelBackgroundTask(id: $id)', '($id: ID!)'] as const;
const cancel = (user: Pick<TestUser, 'client'>, id: string) =>
  askBackground(user.client, cancelCall[0], { id }, cancelCall[1]);

async function* bytes(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

describe('Without a worker', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ backend: 'postgres', worker: false });
  });
  afterAll(() => server.close());

  async function started(user: TestUser) {
    const { id } = await askBackground(user.client, 'exportMyData');
    return { id, taskId: localId('BackgroundTask', id), userId: user.viewer.userId };
  }

  async function claimed(user: TestUser) {
    const task = await started(user);
    const lease = await claimBackgroundTask(server.services, task.userId, task.taskId);
    if (!lease) throw new Error('the task could not be claimed');
    return { ...task, lease };
  }

  test('that has dealt with everything is not at its end before it is over, wherever one asks', async () => {
    const { client, viewer } = await server.asUser();
    const { id } = await askBackground(client, 'exportMyData');
    const fractions = async () => [
      ((await client.rest('GET', `/sync/status/${id}`)).json as { info: { fraction: number } }).info.fraction,
      (await readBackground(client, id)).progress.fraction,
    ];
    const { database } = server.services;
    await database.query(`UPDATE background_tasks SET done = 7, total = 7 WHERE user_id = $1`, [
      viewer.userId,
    ]);
    expect(await fractions()).toEqual([0.999, 0.999]);
    await database.query(`UPDATE background_tasks SET status = 'COMPLETED' WHERE user_id = $1`, [
      viewer.userId,
    ]);
    expect(await fractions()).toEqual([1, 1]);
  });

  test('of one kind a user has one unfinished task, and who asks for it again gets that one', async () => {
    const [user, other] = [await server.asUser(), await server.asUser()];
    const answers = await Promise.all([1, 2, 3, 4].map(() => askBackground(user.client, 'exportMyData')));
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 'QUEUED', kind: 'ACCOUNT_EXPORT', downloadUrl: null });
    expect((await askBackground(other.client, 'exportMyData')).id).not.toBe(answers[0]?.id);

    const asked = (format: string) =>
      askBackground(user.client, `exportConversations(input: { format: ${format} })`);
    const first = await asked('HTML');
    expect((await asked('HTML')).id).toBe(first.id);
    expect(await asked('JSON')).toMatchObject({ __typename: 'Conflict', code: 'CONFLICT' });
    await cancel(user, first.id);
    expect(await asked('JSON')).toMatchObject({ __typename: 'BackgroundTask' });
    const audit = await server.services.prisma.auditEvent.findMany({
      where: { userId: user.viewer.userId, action: 'data.exported' },
    });
    expect(audit.map(({ subject }) => subject).toSorted()).toEqual([
      'conversations',
      'conversations',
      'everything',
    ]);
  });

  test('a task that is over is not claimed, and one that is cancelled takes no more writes', async () => {
    const user = await server.asUser();
    const { id, taskId, userId, lease } = await claimed(user);
    await writeBackgroundTask(server.services, lease, { done: 3, total: 7 });
    expect(await readBackground(user.client, id)).toMatchObject({
      status: 'RUNNING',
      progress: { done: 3, total: 7 },
    });
    expect(await cancel(user, id)).toMatchObject({ status: 'CANCELLED' });
    await expect(writeBackgroundTask(server.services, lease, { done: 4 })).rejects.toThrow(LeaseLostError);
    await expect(finishBackgroundTask(server.services, lease, { result: {} })).rejects.toThrow(
      LeaseLostError,
    );
    expect(await claimBackgroundTask(server.services, userId, taskId)).toBeNull();
    expect(await cancel(user, id)).toMatchObject({ status: 'CANCELLED', progress: { done: 3 } });
  });

  test('a worker that was taken for dead is refused, and so is the file that it made', async () => {
    const user = await server.asUser();
    const { taskId, userId, lease } = await claimed(user);
    const second = await claimBackgroundTask(server.services, userId, taskId);
    expect(second?.token).not.toBe(lease.token);
    await expect(storeMadeFile(server.services, lease, 'a.zip', bytes('old'))).rejects.toThrow(
      LeaseLostError,
    );
    expect(await listFiles(server.services, userId)).toEqual([]);
    if (second) await storeMadeFile(server.services, second, 'a.zip', bytes('new'));
    expect(await listFiles(server.services, userId)).toHaveLength(1);
  });

  test('a file that was stored goes when its task is cancelled, or begun anew by another worker', async () => {
    const user = await server.asUser();
    const { id, taskId, userId, lease } = await claimed(user);
    await storeMadeFile(server.services, lease, 'a.zip', bytes('first'));
    expect(await readBackground(user.client, id)).toMatchObject({ downloadUrl: null });
    const again = await claimBackgroundTask(server.services, userId, taskId);
    if (!again) throw new Error('the task could not be claimed');
    await storeMadeFile(server.services, again, 'a.zip', bytes('second'));
    expect(await listFiles(server.services, userId)).toHaveLength(1);
    await cancel(user, id);
    expect(await listFiles(server.services, userId)).toEqual([]);
  });

  test('a task that only ever ends its worker is given up, unless it gets further each time', async () => {
    const user = await server.asUser();
    const { id, taskId, userId, lease } = await claimed(user);
    let last = lease;
    const again = async () => {
      const next = await claimBackgroundTask(server.services, userId, taskId);
      if (next) last = next;
      return next;
    };
    for (let times = 0; times < MAX_ATTEMPTS; times += 1) {
      await writeBackgroundTask(server.services, last, { done: times, checkpoint: { times } });
      expect(await again()).toMatchObject({ checkpoint: { times }, attempt: 2 });
    }
    await releaseBackgroundTask(server.services, last);
    expect(await readBackground(user.client, id)).toMatchObject({ status: 'QUEUED', attempt: 1 });
    for (let attempt = 2; attempt <= MAX_ATTEMPTS; attempt += 1)
      expect(await again()).toMatchObject({ attempt });
    expect(await again()).toBeNull();
    expect(await readBackground(user.client, id)).toMatchObject({
      status: 'FAILED',
      error: { code: 'WORKER_CRASHED' },
    });
  });

  test('a task whose wish another version wrote is given up at once, and says so', async () => {
    const user = await server.asUser();
    const { id, taskId, userId } = await started(user);
    await server.services.prisma.backgroundTask.update({
      where: { userId_id: { userId, id: taskId } },
      data: { input: { unheardOf: true } },
    });
    expect(await claimBackgroundTask(server.services, userId, taskId)).toBeNull();
    expect(await readBackground(user.client, id)).toMatchObject({
      status: 'FAILED',
      error: { code: 'INPUT_UNREADABLE', message: expect.stringContaining('Ask for it again') },
    });
    expect((await askBackground(user.client, 'exportMyData')).id).not.toBe(id);
  });

  test('a task that lost its job gets a new one', async () => {
    const user = await server.asUser();
    const { taskId, userId } = await started(user);
    const { services } = server;
    const jobId = `background-${taskId}`;
    expect(await services.queue.remove(jobId)).toBe(true);
    await services.prisma.backgroundTask.update({
      where: { userId_id: { userId, id: taskId } },
      data: { createdAt: new Date(Date.now() - 60_000) },
    });
    expect(await requeueLostTasks(services)).toBeGreaterThan(0);
    expect(await services.queue.isAlive(jobId)).toBe(true);
  });

  test('tasks are listed newest first, by kind and status', async () => {
    const user = await server.asUser();
    const { id } = await started(user);
    const other = await askBackground(user.client, 'exportConversations(input: {})');
    await cancel(user, id);
    const list = async (args: string) => {
      const { backgroundTasks } = await user.client.request<{
        backgroundTasks: { totalCount: number; edges: { node: { id: string } }[] };
      }>(`{ backgroundTasks${args} { totalCount edges { node { id } } } }`);
      expect(backgroundTasks.totalCount).toBe(backgroundTasks.edges.length);
      return backgroundTasks.edges.map(({ node }) => node.id);
    };
    expect(await list('')).toEqual([other.id, id]);
    expect(await list('(status: [CANCELLED])')).toEqual([id]);
    expect(await list('(kind: [CONVERSATION_EXPORT])')).toEqual([other.id]);
    expect(await list('(kind: [REINDEX, EMBEDDING])')).toEqual([]);
  });
});

describe.each(backends)('On %s', (backend) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ backend });
  });
  afterAll(() => server.close());

  test('a task that runs stops at once when it is cancelled, and leaves no file', async () => {
    const user = await server.asUser();
    await sync(user.client, server.exports.serve(await exportOf([dialogue('one')])).url);
    const lock = await lockTable(server.databaseUrl, 'messages');
    try {
      const { id } = await askBackground(user.client, 'exportMyData');
      const states = followBackground(user.client, id);
      await until('its messages are being read', () => lock.isWaitedFor());
      expect(await cancel(user, id)).toMatchObject({ status: 'CANCELLED', downloadUrl: null });
      expect((await states).at(-1)).toMatchObject({ status: 'CANCELLED' });
      await lock.release();
      const jobId = `background-${localId('BackgroundTask', id)}`;
      await until('its worker let go', async () => !(await server.services.queue.isAlive(jobId)));
      expect(await listFiles(server.services, user.viewer.userId)).toEqual([]);
      expect(await readBackground(user.client, id)).toMatchObject({ status: 'CANCELLED', error: null });
    } finally {
      await lock.release().catch(() => undefined);
    }
  });
});

test('an export whose worker is killed is made by another one', async () => {
  const server = await startTestServer({ backend: 'redis', worker: false });
  const env = {
    DB_URL: server.databaseUrl,
    REDIS_URL: server.redisUrl ?? '',
    DATA_DIR: server.services.workspace.uploadsPath.replace(/\/uploads$/, ''),
    API_KEY: server.apiKey,
    EXPORT_ALLOWED_HOSTS: server.exports.host,
  };
  const first = await startWorkerProcess(env);
  try {
    const user = await server.asUser();
    await sync(user.client, server.exports.serve(await exportOf([dialogue('one')])).url);
    const lock = await lockTable(server.databaseUrl, 'messages');
    const { id } = await askBackground(user.client, 'exportMyData');
    await until('its messages are being read', () => lock.isWaitedFor());
    await first.kill();
    await lock.release();
    await server.startWorker();
    const last = (await followBackground(user.client, id)).at(-1);
    expect(last).toMatchObject({ status: 'COMPLETED', attempt: 2, progress: { done: 2, total: 2 } });
    expect(last?.downloadUrl).not.toBeNull();
    // Beside it the beginning that the first one left, which is swept in time.
    const files = await listFiles(server.services, user.viewer.userId);
    expect(files.filter((name) => !name.endsWith('.part'))).toHaveLength(1);
  } finally {
    await first.kill().catch(() => undefined);
    await server.close();
  }
}, 90_000);

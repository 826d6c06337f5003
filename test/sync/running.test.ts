import { Queue as BullQueue, createPostgresBackend } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { localId } from '../../src/domain/global-id.ts';
import { cancelSync } from '../../src/domain/sync/cancel.ts';
import { QUEUE_NAME } from '../../src/jobs/jobs.ts';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import { lockTable } from '../support/locks.ts';
import { backends, startTestServer, type TestServer } from '../support/server.ts';
import {
  changeTask,
  startMutation,
  startSync,
  statusQuery,
  sync,
  type TaskAnswer,
  untilOver,
} from '../support/syncs.ts';
import { until } from '../support/until.ts';

describe.each(backends)('On %s', (backend) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ backend });
  });
  afterAll(() => server.close());

  const serve = async (conversations: object[], options?: { perShard?: number }) =>
    server.exports.serve(await exportOf(conversations, options)).url;

  test('a sync without any URL is refused', async () => {
    const { client } = await server.asUser();
    const answer = await client.request<{ startSync: object }>(startMutation, { exportUrl: null });
    expect(answer.startSync).toMatchObject({
      __typename: 'InvalidInput',
      code: 'NO_EXPORT_URL',
      fieldErrors: [{ path: ['exportUrl'] }],
    });
    const rest = await client.rest('POST', '/sync/manual', {});
    expect(rest).toMatchObject({ status: 400, json: { detail: expect.stringContaining('No export URL') } });
  });

  test('the configured URL is used when none is given', async () => {
    const { client } = await server.asUser();
    const url = await serve([dialogue('configured')]);
    await client.rest('POST', '/sync/config', { sync_enabled: true, chatgpt_export_url: url });
    const { json } = await client.rest('POST', '/sync/manual', {});
    const task = await untilOver(client, (json as { task_id: string }).task_id);
    expect(task).toMatchObject({ status: 'COMPLETED', counts: { added: 1 } });
    const { syncConfig } = await client.request<{ syncConfig: { lastSyncAt: string | null } }>(
      '{ syncConfig { lastSyncAt } }',
    );
    expect(syncConfig.lastSyncAt).not.toBeNull();
  });

  test('a second sync of a user waits for nobody: it is refused with the task that runs', async () => {
    const { client } = await server.asUser();
    const file = server.exports.serve(await exportOf([dialogue('busy')]), { held: true });
    const { id } = await startSync(client, file.url);
    const { startSync: second } = await client.request<{ startSync: object }>(startMutation, {
      exportUrl: file.url,
    });
    expect(second).toMatchObject({ __typename: 'Conflict', code: 'CONFLICT', task: { id } });
    const rest = await client.rest('POST', '/sync/manual', { export_url: file.url });
    expect(rest).toMatchObject({ status: 409, json: { task_id: id } });
    // Of another user's it knows nothing.
    const other = await server.asUser();
    expect(await sync(other.client, await serve([dialogue('free')]))).toMatchObject({ status: 'COMPLETED' });
    file.release();
    expect(await untilOver(client, id)).toMatchObject({ status: 'COMPLETED' });
  });

  test('of many starts at the same moment one wins', async () => {
    const { client } = await server.asUser();
    const file = server.exports.serve(await exportOf([dialogue('race')]), { held: true });
    const answers = await Promise.all(
      Array.from({ length: 8 }, () =>
        client.request<{ startSync: { __typename: string } }>(startMutation, { exportUrl: file.url }),
      ),
    );
    const names = answers.map((answer) => answer.startSync.__typename).toSorted();
    expect(names).toEqual([...Array(7).fill('Conflict'), 'SyncTask']);
    file.release();
    await until('it is over', async () => {
      const { json } = await client.rest('GET', '/sync/history');
      return (json as { history: { status: string }[] }).history[0]?.status === 'COMPLETED';
    });
  });

  test('a cancelled download stops, and another sync may begin at once', async () => {
    const { client, viewer } = await server.asUser();
    const file = server.exports.serve(await exportOf([dialogue('stop')]), { held: true });
    const { id } = await startSync(client, file.url);
    await until('it downloads', async () => (await statusOf(client, id)).phase === 'DOWNLOADING');
    const cancelled = await cancelSync(server.services, viewer, localId('SyncTask', id));
    expect(cancelled).toMatchObject({ status: 'CANCELLED', phase: 'DONE' });
    expect(await untilOver(client, id)).toMatchObject({ status: 'CANCELLED', counts: { added: 0 } });
    expect(await sync(client, await serve([dialogue('after')]))).toMatchObject({ status: 'COMPLETED' });
    expect(await statusOf(client, id)).toMatchObject({ status: 'CANCELLED' });
  });

  test('a download stops even when its worker never hears of the cancel', async () => {
    const { client } = await server.asUser();
    const file = server.exports.serve(await exportOf([dialogue('deaf')]), { held: true });
    const { id } = await startSync(client, file.url);
    await until('it downloads', async () => (await statusOf(client, id)).phase === 'DOWNLOADING');
    const taskId = localId('SyncTask', id);
    // What cancelSync writes, without the event that it sends.
    await server.services.database.query(
      `UPDATE sync_tasks SET status = 'CANCELLED', lease_token = NULL WHERE id = $1`,
      [taskId],
    );
    const stopped = new RegExp(`"taskId":"${taskId}"[^\n]*the task was cancelled`);
    await until('its worker has stopped', () => stopped.test(server.logged()));
  });

  test('an import that is cancelled writes nothing more', async () => {
    const { client, viewer } = await server.asUser();
    const url = await serve([dialogue('late')]);
    const lock = await lockTable(server.databaseUrl, 'conversation_versions');
    const { id } = await startSync(client, url);
    const taskId = localId('SyncTask', id);
    await until('it imports', () => lock.isWaitedFor());
    await cancelSync(server.services, viewer, taskId);
    await lock.release();
    const stopped = new RegExp(`"taskId":"${taskId}"[^\n]*the task was cancelled`);
    await until('its worker has stopped', () => stopped.test(server.logged()));
    expect(await server.services.prisma.conversation.count({ where: { userId: viewer.userId } })).toBe(0);
    expect(await statusOf(client, id)).toMatchObject({ status: 'CANCELLED' });
  });
});

describe.each(backends)('Without a worker on %s', (backend) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ backend, worker: false });
  });
  afterAll(() => server.close());

  test('tasks whose jobs were lost get new ones', async () => {
    const [waiting, running, upload] = await Promise.all([server.asUser(), server.asUser(), server.asUser()]);
    const zip = await exportOf([dialogue('lost')]);
    const { url } = server.exports.serve(zip);
    const { id: waitingId } = await startSync(waiting.client, url);
    const { id: runningId } = await startSync(running.client, url);
    const { json } = await upload.client.rest('POST', '/sync/upload?file_name=my%20export.zip', zip);
    const uploadId = (json as { task_id: string }).task_id;
    expect(await statusOf(upload.client, uploadId)).toMatchObject({
      trigger: 'UPLOAD',
      source: 'my export.zip',
      progress: { queuePosition: 2 },
    });
    await server.services.database.query(`UPDATE sync_tasks SET status = 'CANCELLED' WHERE user_id = $1`, [
      waiting.viewer.userId,
    ]);
    expect(await changeTask(waiting.client, 'retrySync', waitingId)).toMatchObject({
      __typename: 'SyncTask',
    });
    expect(await statusOf(waiting.client, waitingId)).toMatchObject({ progress: { queuePosition: 2 } });
    await loseJobs(server);
    const { database } = server.services;
    await database.query(`UPDATE sync_tasks SET created_at = now() - interval '1 hour'`);
    await database.query(
      `UPDATE sync_tasks SET status = 'RUNNING', heartbeat_at = now() - interval '1 hour' WHERE user_id = $1`,
      [running.viewer.userId],
    );
    await server.startWorker();
    for (const [user, id] of [
      [waiting, waitingId],
      [running, runningId],
      [upload, uploadId],
    ] as const) {
      expect(await untilOver(user.client, id)).toMatchObject({ status: 'COMPLETED', counts: { added: 1 } });
    }
  });

  test('a job that fails for a passing reason is done again', async () => {
    const { client } = await server.asUser();
    const { url } = server.exports.serve(await exportOf([dialogue('again')]));
    const { database } = server.services;
    await server.startWorker();
    await database.query('ALTER TABLE sync_problems RENAME TO sync_problems_away');
    const { id } = await startSync(client, url);
    await until('it has failed', () => server.logged().includes('a job failed'));
    await database.query('ALTER TABLE sync_problems_away RENAME TO sync_problems');
    await database.query(`UPDATE sync_tasks SET heartbeat_at = now() - interval '1 hour'`);
    // A worker looks for lost tasks when it starts, and every few seconds.
    await server.startWorker();
    expect(await untilOver(client, id)).toMatchObject({ status: 'COMPLETED', counts: { added: 1 } });
  });
});

async function statusOf(client: TestServer['client'], taskId: string): Promise<TaskAnswer> {
  const { syncStatus } = await client.request<{ syncStatus: TaskAnswer }>(statusQuery, { taskId });
  return syncStatus;
}

/** What a queue that lost its memory looks like. */
async function loseJobs({ redisUrl, databaseUrl }: TestServer): Promise<void> {
  if (redisUrl) {
    const redis = new Redis(redisUrl);
    await redis.flushdb();
    await redis.quit();
    return;
  }
  const connection = { connectionString: databaseUrl };
  const queue = new BullQueue(QUEUE_NAME, { connection } as never, createPostgresBackend as never);
  await queue.obliterate({ force: true });
  await queue.close();
}

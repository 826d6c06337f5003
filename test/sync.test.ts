import { Queue as BullQueue, createPostgresBackend } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { localId } from '../src/domain/global-id.ts';
import { cancelSync } from '../src/domain/sync/cancel.ts';
import { QUEUE_NAME } from '../src/jobs/jobs.ts';
import { chatGpt, dialogue, node, say } from './archive/builders.ts';
import { exportOf, zipOf } from './support/exports.ts';
import { lockTable } from './support/locks.ts';
import { backends, startTestServer, type TestServer } from './support/server.ts';
import {
  changeTask,
  problemsOf,
  startMutation,
  startSync,
  statusQuery,
  sync,
  type TaskAnswer,
  untilOver,
} from './support/syncs.ts';
import { until } from './support/until.ts';

const problemsQuery = `query Problems($taskId: ID!) {
  syncStatus(taskId: $taskId) {
    problems { edges { node { outcome code reason externalId title conversation { id } } } }
  }
}`;

describe.each(backends)('On %s', (backend) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ backend });
  });
  afterAll(() => server.close());

  const serve = async (conversations: object[], options?: { perShard?: number }) =>
    server.exports.serve(await exportOf(conversations, options)).url;

  /** Row versions: any write, even of the same values, changes them. */
  const rowVersions = (userId: string) =>
    server.services.database.query(
      `SELECT 'c' AS kind, ctid::text, xmin::text FROM conversations WHERE user_id = $1
       UNION ALL SELECT 'm', ctid::text, xmin::text FROM messages WHERE user_id = $1
       UNION ALL SELECT 'v', ctid::text, xmin::text FROM conversation_versions WHERE user_id = $1
       ORDER BY 1, 2`,
      [userId],
    );

  test('the same export twice changes nothing, sharded or not, and says so', async () => {
    const { client, viewer } = await server.asUser();
    const conversations = Array.from({ length: 25 }, (_, index) => dialogue(`same-${index}`));
    const first = await sync(client, await serve(conversations));
    expect(first).toMatchObject({ status: 'COMPLETED', counts: { added: 25, messagesAdded: 50 } });
    const before = await rowVersions(viewer.userId);
    expect(before).toHaveLength(25 + 50 + 25);

    const second = await sync(client, await serve(conversations, { perShard: 10 }));
    expect(second).toMatchObject({
      status: 'COMPLETED',
      counts: { added: 0, updated: 0, unchanged: 25, failed: 0, messagesAdded: 0 },
    });
    expect(await rowVersions(viewer.userId)).toEqual(before);
  });

  test('a conversation that stands twice, on both sides of the first batch, is unchanged the second time', async () => {
    const { client } = await server.asUser();
    const conversations = Array.from({ length: 25 }, (_, index) => dialogue(`twice-${index}`));
    conversations.splice(20, 0, conversations[19] ?? {});
    const task = await sync(client, await serve(conversations));
    expect(task).toMatchObject({ status: 'COMPLETED', attempt: 1, counts: { added: 25, unchanged: 1 } });
  });

  test('one that stands twice, in batches that are written together, is unchanged the second time', async () => {
    const { client } = await server.asUser();
    const known = Array.from({ length: 850 }, (_, index) => dialogue(`known-${index}`));
    await sync(client, await serve(known));
    const fresh = dialogue('joined');
    const conversations = [...known];
    conversations.splice(100, 0, fresh);
    conversations.splice(500, 0, fresh, { ...fresh, title: 'another title', update_time: 1_700_000_900 });
    const task = await sync(client, await serve(conversations));
    expect(task).toMatchObject({
      status: 'COMPLETED',
      counts: { added: 1, updated: 1, unchanged: 851, failed: 0, messagesAdded: 2 },
    });
  });

  test('an export that has grown adds what is new and nothing else', async () => {
    const { client } = await server.asUser();
    const [still, grows] = [dialogue('still'), dialogue('grows')];
    await sync(client, await serve([still, grows]));
    const { mapping } = chatGpt([
      node('root', null, null, { children: ['q'] }),
      node('q', 'root', say('user', 'question of grows'), { children: ['a'] }),
      node('a', 'q', say('assistant', 'answer of grows'), { children: ['q2'] }),
      node('q2', 'a', say('user', 'a second question'), { children: ['a2'] }),
      node('a2', 'q2', say('assistant', 'a second answer'), { children: [] }),
    ]);
    const grown = { ...grows, mapping, current_node: 'a2', update_time: 1_700_000_900 };
    const task = await sync(client, await serve([still, grown, dialogue('fresh')]));
    expect(task).toMatchObject({
      status: 'COMPLETED',
      counts: { added: 1, updated: 1, unchanged: 1, failed: 0, messagesAdded: 4 },
    });
    const { conversations } = await client.request<{
      conversations: { edges: { node: { messageCount: number } }[] };
    }>('{ conversations(filter: { externalId: "grows" }) { edges { node { messageCount } } } }');
    expect(conversations.edges).toEqual([{ node: { messageCount: 4 } }]);
  });

  test('a version that would make a merge too large fails with its reason, and the conversation stays', async () => {
    const { client, viewer } = await server.asUser();
    await sync(client, await serve([dialogue('huge')]));
    await server.services.database.query(
      'UPDATE conversation_versions SET size_bytes = 1100 * 1024 * 1024 WHERE user_id = $1',
      [viewer.userId],
    );
    const newer = dialogue('huge', { title: 'Newer', update_time: 1_700_000_900 });
    const task = await sync(client, await serve([newer, dialogue('small')]));
    expect(task).toMatchObject({ status: 'PARTIAL', counts: { added: 1, updated: 0, failed: 1 } });
    expect(await problemsOf(client, task.id)).toMatchObject([
      { outcome: 'FAILED', code: 'TOO_LARGE_TO_MERGE', externalId: 'huge' },
    ]);
    const titles = await server.services.prisma.conversation.findMany({
      where: { userId: viewer.userId, externalId: 'huge' },
      select: { title: true },
    });
    expect(titles).toEqual([{ title: 'Title of huge' }]);
  });

  test('one broken conversation is reported with its reason and the rest is imported', async () => {
    const { client } = await server.asUser();
    const good = ['one', 'two', 'four', 'five'].map((id) => JSON.stringify(dialogue(id)));
    good.splice(2, 0, '{"conversation_id": "three", "mapping": {broken}}');
    const url = server.exports.serve(await zipOf({ 'conversations.json': `[${good.join(',')}]` })).url;
    const task = await sync(client, url);
    expect(task).toMatchObject({ status: 'PARTIAL', phase: 'DONE', counts: { added: 4, failed: 1 } });
    const { syncStatus } = await client.request<{
      syncStatus: { problems: { edges: { node: Record<string, unknown> }[] } };
    }>(problemsQuery, { taskId: task.id });
    expect(syncStatus.problems.edges).toEqual([
      { node: expect.objectContaining({ outcome: 'FAILED', code: 'JSON_INVALID', conversation: null }) },
    ]);
    expect(syncStatus.problems.edges[0]?.node.reason).toMatch(/not valid JSON/);
  });

  test('a web page in place of a zip is a failure that says so', async () => {
    const { client } = await server.asUser();
    const page = '<!doctype html><title>Sign in</title><p>Your session has ended.</p>'.repeat(20);
    const task = await sync(client, server.exports.serve(page, { type: 'text/html' }).url);
    expect(task).toMatchObject({ status: 'FAILED', phase: 'DONE', error: { code: 'NOT_A_ZIP' } });
    expect(task.finishedAt).not.toBeNull();
  });

  test('an export that is not there is a failure that says so', async () => {
    const { client } = await server.asUser();
    const task = await sync(client, `http://${server.exports.host}/none.zip`);
    expect(task.status).toBe('FAILED');
    expect(task.error?.message).toMatch(/404/);
  });

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
    await until('it imports', () => lock.isWaitedFor());
    await cancelSync(server.services, viewer, localId('SyncTask', id));
    await lock.release();
    await until('its worker has stopped', () => server.logged().includes('the task was cancelled'));
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

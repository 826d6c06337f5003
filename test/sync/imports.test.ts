import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chatGpt, dialogue, node, say } from '../archive/builders.ts';
import { exportOf, zipOf } from '../support/exports.ts';
import { backends, startTestServer, type TestServer } from '../support/server.ts';
import { problemsOf, sync } from '../support/syncs.ts';

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

  test('an export of another provider fails and says whose it is and what is read', async () => {
    const { client } = await server.asUser();
    const message = { fragments: [{ type: 'REQUEST', content: 'hello' }] };
    const other = {
      id: 'd',
      title: 'D',
      inserted_at: '2025-01-01',
      mapping: { a: { id: 'a', parent: null, message } },
    };
    expect(await sync(client, await serve([other]))).toMatchObject({
      status: 'FAILED',
      counts: { failed: 1 },
      error: { code: 'NOTHING_IMPORTED', message: expect.stringMatching(/DeepSeek.*ChatGPT and Claude/) },
    });
  });

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
});

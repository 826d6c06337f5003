import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeId } from '../../src/domain/global-id.ts';
import { chatGpt, node, say } from '../archive/builders.ts';
import type { Page } from '../support/pages.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { changeTask } from '../support/syncs.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { userWith } from '../support/users.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

interface Named {
  id: string;
  source?: string;
  title?: string;
  externalId?: string;
}

const fields = 'edges { cursor node { SELECTION } } pageInfo { hasNextPage hasPreviousPage endCursor }';

/** Tasks that are over, the oldest first, each of another minute. */
async function insertTasks({ viewer }: TestUser, count: number): Promise<string[]> {
  const rows = await server.services.database.query<{ id: string }>(
    `INSERT INTO sync_tasks (user_id, id, trigger, status, phase, source, created_at, finished_at)
     SELECT $1, gen_random_uuid(), 'UPLOAD', 'COMPLETED', 'DONE', 'task ' || n, now() - n * interval '1 minute', now()
     FROM generate_series($2::int, 1, -1) AS n RETURNING id`,
    [viewer.userId, count],
  );
  return rows.map(({ id }) => encodeId('SyncTask', id));
}

test('tasks go on behind one that is no longer what the filter asks for', async () => {
  const user = await server.asUser();
  const newestFirst = (await insertTasks(user, 5)).reverse();
  const pageOf = async (page: string) => {
    const query = `{ syncHistory(${page}, status: [COMPLETED]) { ${fields.replace('SELECTION', 'id')} } }`;
    return (await user.client.request<{ syncHistory: Page<Named> }>(query)).syncHistory;
  };
  const first = await pageOf('first: 2');
  expect(first.edges.map((edge) => edge.node.id)).toEqual(newestFirst.slice(0, 2));
  await changeTask(user.client, 'undoSync', newestFirst[1] ?? '');
  const second = await pageOf(`first: 2, after: "${first.pageInfo.endCursor}"`);
  expect(second.edges.map((edge) => edge.node.id)).toEqual(newestFirst.slice(2, 4));
  expect(second.pageInfo.hasNextPage).toBe(true);
  const before = await pageOf(`last: 2, before: "${first.pageInfo.endCursor}"`);
  expect(before.edges.map((edge) => edge.node.id)).toEqual(newestFirst.slice(0, 1));
});

test('problems go on behind one that a retry has mended', async () => {
  const user = await server.asUser();
  const [taskId = ''] = await insertTasks(user, 1);
  const [row] = await server.services.database.query<{ id: string }>(
    'SELECT id FROM sync_tasks WHERE user_id = $1',
    [user.viewer.userId],
  );
  await server.services.database.query(
    `INSERT INTO sync_problems (user_id, task_id, ordinal, title, outcome, code, reason)
     SELECT $1, $2, n, 'problem ' || n, 'FAILED', 'TEST', 'A test.' FROM generate_series(1, 4) AS n`,
    [user.viewer.userId, row?.id],
  );
  const pageOf = async (page: string) => {
    const query = `{ syncStatus(taskId: "${taskId}") { problems(${page}) { ${fields.replace('SELECTION', 'title')} } } }`;
    const { syncStatus } = await user.client.request<{ syncStatus: { problems: Page<Named> } }>(query);
    return syncStatus.problems;
  };
  const first = await pageOf('first: 2');
  await server.services.database.query('DELETE FROM sync_problems WHERE user_id = $1 AND ordinal = 2', [
    user.viewer.userId,
  ]);
  const second = await pageOf(`first: 1, after: "${first.pageInfo.endCursor}"`);
  expect(second.edges.map((edge) => edge.node.title)).toEqual(['problem 3']);
  expect(second.pageInfo.hasNextPage).toBe(true);
  const before = await pageOf(`last: 5, before: "${first.pageInfo.endCursor}"`);
  expect(before.edges.map((edge) => edge.node.title)).toEqual(['problem 1']);
});

test('talks go on where one stood that was used again or deleted', async () => {
  const { client, viewer } = await server.asUser();
  const sessions = await server.services.database.query<{ id: string; title: string }>(
    `INSERT INTO chat_sessions (user_id, id, title, updated_at)
     SELECT $1, gen_random_uuid(), 'talk ' || n, now() - n * interval '1 minute' FROM generate_series(1, 6) AS n
     RETURNING id, title`,
    [viewer.userId],
  );
  const idOf = (title: string) => sessions.find((session) => session.title === title)?.id ?? '';
  const pageOf = async (page: string) => {
    const query = `{ chatSessions(${page}) { totalCount ${fields.replace('SELECTION', 'title')} } }`;
    return (await client.request<{ chatSessions: Page<Named> }>(query)).chatSessions;
  };
  const titlesOf = ({ edges }: Page<Named>) => edges.map((edge) => edge.node.title);
  const first = await pageOf('first: 2');
  expect(titlesOf(first)).toEqual(['talk 1', 'talk 2']);
  await client.request(
    `mutation { deleteChatSession(id: "${encodeId('ChatSession', idOf('talk 2'))}") { __typename } }`,
  );
  const second = await pageOf(`first: 2, after: "${first.pageInfo.endCursor}"`);
  expect(titlesOf(second)).toEqual(['talk 3', 'talk 4']);
  expect(second).toMatchObject({ totalCount: 5, pageInfo: { hasNextPage: true } });
  await server.services.prisma.chatSession.updateMany({
    where: { userId: viewer.userId, id: idOf('talk 4') },
    data: { updatedAt: new Date() },
  });
  expect(titlesOf(await pageOf(`first: 9, after: "${second.pageInfo.endCursor}"`))).toEqual([
    'talk 5',
    'talk 6',
  ]);
  expect(titlesOf(await pageOf(`last: 2, before: "${second.pageInfo.endCursor}"`))).toEqual([
    'talk 1',
    'talk 3',
  ]);
  expect(titlesOf(await pageOf('last: 2'))).toEqual(['talk 5', 'talk 6']);
});

/** One question after the other, each of `characters`. */
function chain(length: number, characters: number) {
  const nodes = Array.from({ length }, (_, index) =>
    node(
      `m${index}`,
      index === 0 ? 'root' : `m${index - 1}`,
      say(index % 2 === 0 ? 'user' : 'assistant', `${index} `.padEnd(characters, `word${index} `)),
    ),
  );
  return chatGpt([node('root', null, null), ...nodes], {
    conversation_id: 'chain',
    title: 'Chain',
    current_node: `m${length - 1}`,
  });
}

const messagesQuery = (page: string) =>
  `query ($id: ID!, $cursor: String) { conversation(id: $id) { messages(${page}) { ${fields.replace('SELECTION', 'externalId')} } } }`;

async function chainOf({ client }: TestUser): Promise<string> {
  const { conversations } = await client.request<{ conversations: Page<Named> }>(
    '{ conversations { edges { node { id } } } }',
  );
  return conversations.edges[0]?.node.id ?? '';
}

test('messages go on behind one that has left the path, and a cursor of none is refused', async () => {
  const user = await userWith(server, [chain(8, 20)]);
  const id = await chainOf(user);
  const pageOf = async (page: string, cursor: string | null) => {
    const query = messagesQuery(page);
    const read = await user.client.request<{ conversation: { messages: Page<Named> } }>(query, {
      id,
      cursor,
    });
    return read.conversation.messages;
  };
  const idsOf = ({ edges }: Page<Named>) => edges.map((edge) => edge.node.externalId);
  const { endCursor } = (await pageOf('first: 3, after: $cursor', null)).pageInfo;
  const leave = 'UPDATE messages SET on_active_path = false WHERE user_id = $1 AND node_id = $2';
  await server.services.database.query(leave, [user.viewer.userId, 'm2']);
  expect(idsOf(await pageOf('first: 2, after: $cursor', endCursor))).toEqual(['m3', 'm4']);
  expect(idsOf(await pageOf('last: 9, before: $cursor', endCursor))).toEqual(['m0', 'm1']);
  expect(idsOf(await pageOf('last: 2, before: $cursor, path: ALL', endCursor))).toEqual(['m0', 'm1']);
  await server.services.database.query('DELETE FROM messages WHERE user_id = $1 AND node_id = $2', [
    user.viewer.userId,
    'm2',
  ]);
  const refused = { extensions: { code: 'INVALID_INPUT' }, path: ['conversation', 'messages'] };
  const [, row] = Buffer.from(id, 'base64url').toString().split(':');
  const throughLast = `first: 2, after: $cursor, through: "${encodeId('Message', `${row}/m7`)}"`;
  const forged = ['S:\\u0000', 'N:5', 'S:nowhere'].map((last) =>
    Buffer.from(`GPC:T:["S:${user.viewer.userId}","S:${user.viewer.userId}","${last}"]`).toString('base64'),
  );
  for (const cursor of [endCursor, ...forged]) {
    for (const page of ['first: 2, after: $cursor', throughLast]) {
      const { errors } = await user.client.ask(messagesQuery(page), { id, cursor });
      expect(errors).toMatchObject([refused]);
    }
  }
});

test('a page behind a cursor reads no more of a long conversation than it shows', async () => {
  const database = await createTestDatabase();
  const proxy = await startTcpProxy(database.url);
  const far = new URL(database.url);
  far.host = new URL(proxy.url).host;
  const distant = await startTestServer({ backend: 'postgres', env: { DB_URL: far.href } });
  try {
    const user = await userWith(distant, [chain(300, 10_000)]);
    const id = await chainOf(user);
    const query = messagesQuery('first: 2, after: $cursor');
    const first = await user.client.request<{ conversation: { messages: Page<Named> } }>(query, { id });
    const cursor = first.conversation.messages.pageInfo.endCursor;
    const before = proxy.answeredBytes();
    const { conversation } = await user.client.request<typeof first>(query, { id, cursor });
    expect(conversation.messages.edges.map((edge) => edge.node.externalId)).toEqual(['m2', 'm3']);
    expect(proxy.answeredBytes() - before).toBeLessThan(300_000);
  } finally {
    await distant.close();
    await proxy.close();
    await database.drop();
  }
});

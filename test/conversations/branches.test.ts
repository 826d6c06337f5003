import { afterAll, beforeAll, expect, test } from 'vitest';
import { chatGpt, dialogue, node, say } from '../archive/builders.ts';
import { withFiles } from '../support/conversations.ts';
import { exportOf } from '../support/exports.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { sync } from '../support/syncs.ts';

/** Two questions; the first has answers a1 to a3 of which a2 is shown, and a1 goes on in two ways. */
const tree = {
  ...chatGpt([
    node('root', null, null),
    node('q', 'root', say('user', 'question')),
    node('a1', 'q', say('assistant', 'one')),
    node('b1', 'a1', say('user', 'one and one')),
    node('c1', 'b1', say('assistant', 'deep')),
    node('b2', 'a1', say('user', 'one and two')),
    node('c2', 'b2', say('assistant', 'deeper')),
    node('a2', 'q', say('assistant', 'two')),
    node('b3', 'a2', say('user', 'shown')),
    node('a3', 'q', say('assistant', 'three')),
    node('p', 'root', say('user', 'another beginning')),
  ]),
  conversation_id: 'tree',
  title: 'A tree',
  current_node: 'b3',
};

let server: TestServer;
let user: TestUser;
let conversationId: string;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
  user = await server.asUser();
  const starred = dialogue('starred', { is_starred: true, is_archived: true, default_model_slug: 'gpt-x' });
  const zip = await exportOf([tree, starred, withFiles('files', { id: 'file-A' })]);
  expect(await sync(user.client, server.exports.serve(zip).url)).toMatchObject({ status: 'COMPLETED' });
  const { conversations } = await user.client.request<{
    conversations: { edges: { node: { id: string } }[] };
  }>('{ conversations(filter: { externalId: "tree" }) { edges { node { id } } } }');
  conversationId = conversations.edges[0]?.node.id ?? '';
});
afterAll(() => server.close());

interface MessagesAnswer {
  totalCount: number;
  edges: { cursor: string; node: { id: string; externalId: string; siblings: { externalId: string }[] } }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean };
}

const query = `query Q($id: ID!, $path: MessagePath!, $through: ID, $first: Int, $after: String, $last: Int, $before: String) {
  conversation(id: $id) {
    messages(path: $path, through: $through, first: $first, after: $after, last: $last, before: $before) {
      totalCount
      edges { cursor node { id externalId siblings { externalId } } }
      pageInfo { hasNextPage hasPreviousPage }
    }
  }
}`;

async function messages(variables: Record<string, unknown>): Promise<MessagesAnswer> {
  const { conversation } = await user.client.request<{ conversation: { messages: MessagesAnswer } }>(query, {
    id: conversationId,
    path: 'ACTIVE',
    ...variables,
  });
  return conversation.messages;
}

const idsOf = ({ edges }: MessagesAnswer) => edges.map((edge) => edge.node.externalId);

async function idOf(externalId: string): Promise<string> {
  const { edges } = await messages({ path: 'ALL', first: 50 });
  return edges.find((edge) => edge.node.externalId === externalId)?.node.id ?? '';
}

test('the path through a message leads from its root on to the newest end', async () => {
  const through = async (externalId: string) => idsOf(await messages({ through: await idOf(externalId) }));
  expect(idsOf(await messages({}))).toEqual(['q', 'a2', 'b3']);
  expect(await through('a1')).toEqual(['q', 'a1', 'b2', 'c2']);
  expect(await through('b1')).toEqual(['q', 'a1', 'b1', 'c1']);
  expect(await through('c1')).toEqual(['q', 'a1', 'b1', 'c1']);
  expect(await through('a3')).toEqual(['q', 'a3']);
  expect(await through('p')).toEqual(['p']);
  // From where the shown path still is ahead, it is followed.
  expect(await through('q')).toEqual(['q', 'a2', 'b3']);
});

test('a path through a message is paged like any other', async () => {
  const through = await idOf('c2');
  const first = await messages({ through, first: 3 });
  expect([idsOf(first), first.totalCount]).toEqual([['q', 'a1', 'b2'], 4]);
  expect(first.pageInfo).toEqual({ hasNextPage: true, hasPreviousPage: false });
  const second = await messages({ through, first: 3, after: first.edges.at(-1)?.cursor });
  expect(idsOf(second)).toEqual(['c2']);
  expect(second.pageInfo.hasNextPage).toBe(false);
  const last = await messages({ through, last: 2 });
  expect(idsOf(last)).toEqual(['b2', 'c2']);
  expect(last.pageInfo.hasPreviousPage).toBe(true);
  const before = await messages({ through, last: 5, before: last.edges[0]?.cursor });
  expect(idsOf(before)).toEqual(['q', 'a1']);
  expect(before.pageInfo.hasPreviousPage).toBe(false);
});

test('siblings are the alternatives that a reader switches between', async () => {
  const { edges } = await messages({ path: 'ALL', first: 50 });
  const siblings = Object.fromEntries(
    edges.map(({ node }) => [node.externalId, node.siblings.map((sibling) => sibling.externalId)]),
  );
  expect(siblings).toMatchObject({
    q: ['p', 'q'],
    a2: ['a1', 'a2', 'a3'],
    b1: ['b1', 'b2'],
    c1: ['c1'],
    p: ['p', 'q'],
  });
});

test('a path through what is no message of the conversation is refused', async () => {
  const own = await idOf('a1');
  const foreign = Buffer.from('Message:01890000-0000-7000-8000-000000000000/a1').toString('base64url');
  for (const through of [foreign, 'nonsense', conversationId]) {
    const { errors } = await user.client.ask(query, { id: conversationId, path: 'ACTIVE', through });
    expect(errors).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
  }
  const { errors } = await user.client.ask(query, { id: conversationId, path: 'ALL', through: own });
  expect(errors).toMatchObject([{ extensions: { code: 'INVALID_INPUT' } }]);
});

test('conversations are found by every condition of a filter', async () => {
  const found = async (filter: object) => {
    const { conversations } = await user.client.request<{
      conversations: { totalCount: number; edges: { node: { externalId: string } }[] };
    }>(
      'query F($filter: ConversationFilter) { conversations(filter: $filter) { totalCount edges { node { externalId } } } }',
      { filter },
    );
    const ids = conversations.edges.map((edge) => edge.node.externalId).toSorted();
    expect(conversations.totalCount).toBe(ids.length);
    return ids;
  };
  expect(await found({ starred: true })).toEqual(['starred']);
  expect(await found({ starred: false })).toEqual(['files', 'tree']);
  expect(await found({ archived: true, starred: true })).toEqual(['starred']);
  expect(await found({ model: 'gpt-x' })).toEqual(['starred']);
  expect(await found({ model: 'gpt' })).toEqual([]);
  expect(await found({ hasAttachments: true })).toEqual(['files']);
  expect(await found({ hasAttachments: false, title: 'TREE' })).toEqual(['tree']);
  expect(await found({ updatedAfter: '2100-01-01T00:00:00Z' })).toEqual([]);
  expect(await found({ updatedBefore: '2100-01-01T00:00:00Z' })).not.toContain('tree');
});

test('a page goes on where it stopped although the row of its cursor is gone', async () => {
  const reader = await server.asUser();
  const titles = ['a', 'b', 'c', 'd'].map((title) => dialogue(`row-${title}`, { title }));
  await sync(reader.client, server.exports.serve(await exportOf(titles)).url);
  const page = (after: string | null) =>
    reader.client.request<{
      conversations: { edges: { cursor: string; node: { id: string; title: string } }[] };
    }>(
      `query P($after: String) { conversations(first: 2, after: $after, orderBy: { field: TITLE, direction: ASC }) {
        edges { cursor node { id title } }
      } }`,
      { after },
    );
  const [, second] = (await page(null)).conversations.edges;
  await reader.client.request(
    'mutation M($id: ID!) { deleteConversation(id: $id) { __typename ... on Error { message } } }',
    { id: second?.node.id },
  );
  const next = await page(second?.cursor ?? null);
  expect(next.conversations.edges.map((edge) => edge.node.title)).toEqual(['c', 'd']);
});

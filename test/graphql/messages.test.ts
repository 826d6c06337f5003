import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chatGpt, node, say } from '../archive/builders.ts';
import type { Page } from '../support/pages.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { userWith } from '../support/users.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

describe('Messages', () => {
  const branched = chatGpt(
    [
      node('root', null, null),
      node('sys', 'root', say('system', '', { metadata: { is_visually_hidden_from_conversation: true } })),
      node('q', 'sys', say('user', 'Which tree is tallest?')),
      node('a1', 'q', say('assistant', 'An old answer.')),
      node('a2', 'q', say('assistant', 'The coast redwood.', { metadata: { model_slug: 'gpt-5' } })),
      node('q2', 'a2', say('user', 'Thank you.')),
    ],
    { conversation_id: 'branched', title: 'Trees', current_node: 'q2' },
  );
  let user: TestUser;
  let id: string;
  beforeAll(async () => {
    user = await userWith(server, [branched]);
    const { conversations } = await user.client.request<{ conversations: Page<{ id: string }> }>(
      '{ conversations { edges { node { id } } } }',
    );
    id = conversations.edges[0]?.node.id ?? '';
  });

  test('of the active path and of all branches come in reading order', async () => {
    const query = `query Read($id: ID!, $path: MessagePath!) {
      conversation(id: $id) {
        title messageCount branches
        messages(path: $path) { totalCount edges { node { externalId role kind text onActivePath } } }
      }
    }`;
    interface Read {
      conversation: {
        messageCount: number;
        branches: number;
        messages: Page<{ externalId: string; kind: string }>;
      };
    }
    const active = (await user.client.request<Read>(query, { id, path: 'ACTIVE' })).conversation;
    const all = (await user.client.request<Read>(query, { id, path: 'ALL' })).conversation;
    const idsOf = (read: Read['conversation']) => read.messages.edges.map((edge) => edge.node.externalId);
    expect(idsOf(active)).toEqual(['sys', 'q', 'a2', 'q2']);
    expect(idsOf(all)).toEqual(['sys', 'q', 'a1', 'a2', 'q2']);
    expect(all).toMatchObject({ title: 'Trees', messageCount: 5, branches: 2, messages: { totalCount: 5 } });
    expect(active.messages.totalCount).toBe(4);
    expect(active.messages.edges[0]?.node.kind).toBe('HIDDEN');
    expect(active.messages.edges[2]?.node).toEqual({
      externalId: 'a2',
      role: 'assistant',
      kind: 'VISIBLE',
      text: 'The coast redwood.',
      onActivePath: true,
    });
  });

  test('come in pages, forward and backward', async () => {
    const query = `query Read($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
      conversation(id: $id) {
        messages(path: ALL, first: $first, after: $after, last: $last, before: $before) {
          edges { cursor node { externalId } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        }
      }
    }`;
    const page = async (variables: Record<string, unknown>) => {
      const answer = await user.client.request<{
        conversation: { messages: Page<{ externalId: string }> };
      }>(query, { id, ...variables });
      const { edges, pageInfo } = answer.conversation.messages;
      return { ids: edges.map((edge) => edge.node.externalId), pageInfo };
    };
    const first = await page({ first: 2 });
    const rest = await page({ first: 10, after: first.pageInfo.endCursor });
    expect([first.ids, rest.ids]).toEqual([
      ['sys', 'q'],
      ['a1', 'a2', 'q2'],
    ]);
    expect([first.pageInfo.hasNextPage, rest.pageInfo.hasNextPage]).toEqual([true, false]);
    const last = await page({ last: 2 });
    const before = await page({ last: 10, before: last.pageInfo.startCursor });
    expect([before.ids, last.ids]).toEqual([
      ['sys', 'q', 'a1'],
      ['a2', 'q2'],
    ]);
  });

  test('know their parents, alternatives and conversation', async () => {
    const { conversation } = await user.client.request<{
      conversation: { messages: Page<{ externalId: string }> };
    }>(
      `query Tree($id: ID!) { conversation(id: $id) { messages(path: ALL) { edges { node {
        externalId siblingIndex siblingCount
        parent { externalId } children { externalId } conversation { id }
      } } } } }`,
      { id },
    );
    const byId = Object.fromEntries(conversation.messages.edges.map(({ node }) => [node.externalId, node]));
    expect(byId.q).toMatchObject({
      parent: { externalId: 'sys' },
      children: [{ externalId: 'a1' }, { externalId: 'a2' }],
    });
    expect(byId.a2).toMatchObject({ siblingIndex: 1, siblingCount: 2, conversation: { id } });
    expect(byId.sys).toMatchObject({ parent: null });
  });

  test('and conversations and tasks are found by their global ids', async () => {
    const { conversation, syncHistory } = await user.client.request<{
      conversation: { messages: Page<{ id: string }> };
      syncHistory: Page<{ id: string }>;
    }>(
      `query Ids($id: ID!) {
        conversation(id: $id) { messages { edges { node { id } } } }
        syncHistory { edges { node { id } } }
      }`,
      { id },
    );
    const ids = [id, syncHistory.edges[0]?.node.id, conversation.messages.edges[0]?.node.id];
    const { node, nodes } = await user.client.request<{ node: unknown; nodes: unknown[] }>(
      'query Nodes($id: ID!, $ids: [ID!]!) { node(id: $id) { __typename id } nodes(ids: $ids) { __typename id } }',
      { id, ids },
    );
    expect(node).toEqual({ __typename: 'Conversation', id });
    expect(nodes).toEqual(
      ['Conversation', 'SyncTask', 'Message'].map((__typename, index) => ({ __typename, id: ids[index] })),
    );
  });

  test('are not found by an id that no row can have', async () => {
    const conversationId = Buffer.from(id, 'base64url').toString().split(':')[1];
    for (const key of [`${conversationId}/q\0`, `${conversationId}/`, `${conversationId}`, '\0/q']) {
      const variables = { id: Buffer.from(`Message:${key}`).toString('base64url') };
      const answer = await user.client.ask('query Node($id: ID!) { node(id: $id) { id } }', variables);
      expect(answer, key).toEqual({ data: { node: null } });
    }
  });

  test('list the files of their conversation in order of appearance, each once', async () => {
    const files = (...names: string[]) => ({
      metadata: { attachments: names.map((name) => ({ id: `file-${name}`, name: `${name}.txt` })) },
    });
    const { client } = await userWith(server, [
      {
        ...chatGpt([
          node('z', null, say('user', 'first', files('d', 'a'))),
          node('y', 'z', say('assistant', 'second', files('a', 'c'))),
          node('b', 'y', say('user', 'third', files('b', 'd'))),
        ]),
        current_node: 'b',
      },
    ]);
    interface Files {
      assets: { name: string }[];
    }
    const { conversations } = await client.request<{
      conversations: { edges: { node: Files & { messages: { edges: { node: Files }[] } } }[] };
    }>(
      '{ conversations { edges { node { assets { name } messages { edges { node { assets { name } } } } } } } }',
    );
    const read = conversations.edges[0]?.node;
    const namesOf = (each: Files | undefined) => each?.assets.map((asset) => asset.name);
    expect(namesOf(read)).toEqual(['d.txt', 'a.txt', 'c.txt', 'b.txt']);
    expect(read?.messages.edges.map((edge) => namesOf(edge.node))).toEqual([
      ['d.txt', 'a.txt'],
      ['a.txt', 'c.txt'],
      ['b.txt', 'd.txt'],
    ]);
  });

  test('and a user by their own global id, nobody else’s', async () => {
    const { viewer } = await user.client.request<{ viewer: { id: string } }>('{ viewer { id } }');
    const query = 'query Node($id: ID!) { node(id: $id) { __typename id } }';
    expect(await user.client.ask(query, viewer)).toEqual({
      data: { node: { __typename: 'User', id: viewer.id } },
    });
    for (const unknown of [server.viewer.userId, 'nonsense']) {
      const variables = { id: Buffer.from(`User:${unknown}`).toString('base64url') };
      expect(await user.client.ask(query, variables)).toEqual({ data: { node: null } });
    }
  });
});

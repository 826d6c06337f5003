import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chatGpt, dialogue, node, say } from './archive/builders.ts';
import { createTestClient } from './support/client.ts';
import { exportOf } from './support/exports.ts';
import { startTestServer, type TestServer, type TestUser } from './support/server.ts';
import { startMutation, sync } from './support/syncs.ts';

interface Page<Node> {
  totalCount: number;
  edges: { cursor: string; node: Node }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string; endCursor: string };
}

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

/** A user who has imported these. */
async function userWith(conversations: object[]): Promise<TestUser> {
  const user = await server.asUser();
  const task = await sync(user.client, server.exports.serve(await exportOf(conversations)).url);
  expect(task).toMatchObject({ status: 'COMPLETED', counts: { added: conversations.length } });
  return user;
}

describe('Pages of conversations', () => {
  const orders = ['UPDATED_DESC', 'UPDATED_ASC', 'CREATED_DESC', 'CREATED_ASC', 'TITLE_ASC'];
  const pageQuery = `query Page($first: Int, $after: String, $last: Int, $before: String, $orderBy: ConversationOrder!) {
    conversations(first: $first, after: $after, last: $last, before: $before, orderBy: $orderBy) {
      totalCount
      edges { cursor node { externalId createdAt updatedAt title } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }`;
  interface Listed {
    externalId: string;
    createdAt: string | null;
    updatedAt: string | null;
    title: string;
  }
  let user: TestUser;
  beforeAll(async () => {
    // Half of them without times, some of the same time or title: each is a tie or a null for the sort.
    const conversations = Array.from({ length: 23 }, (_, index) => {
      const time = index % 2 === 0 ? undefined : 1_700_000_000 + Math.floor(index / 4);
      return {
        ...chatGpt([node('m', null, say('user', `text ${index}`))]),
        conversation_id: `c-${index}`,
        title: `Title ${index % 5}`,
        create_time: time,
        update_time: time,
      };
    });
    user = await userWith(conversations);
  });

  async function page(variables: Record<string, unknown>): Promise<Page<Listed>> {
    const { conversations } = await user.client.request<{ conversations: Page<Listed> }>(
      pageQuery,
      variables,
    );
    return conversations;
  }

  test.each(orders)('ordered by %s hold each one once, forward as backward', async (orderBy) => {
    const forward: string[] = [];
    let after: string | null = null;
    for (;;) {
      const { edges, pageInfo, totalCount } = await page({ first: 5, after, orderBy });
      expect(totalCount).toBe(23);
      expect(pageInfo.startCursor).toBe(edges[0]?.cursor);
      forward.push(...edges.map((edge) => edge.node.externalId));
      if (!pageInfo.hasNextPage) break;
      after = pageInfo.endCursor;
    }
    expect(forward.toSorted()).toEqual(Array.from({ length: 23 }, (_, index) => `c-${index}`).toSorted());

    const backward: string[] = [];
    let before: string | null = null;
    for (;;) {
      const { edges, pageInfo } = await page({ last: 5, before, orderBy });
      backward.unshift(...edges.map((edge) => edge.node.externalId));
      if (!pageInfo.hasPreviousPage) break;
      before = pageInfo.startCursor;
    }
    expect(backward).toEqual(forward);
  });

  test('put those without a time last', async () => {
    for (const orderBy of ['UPDATED_DESC', 'UPDATED_ASC']) {
      const { edges } = await page({ first: 100, orderBy });
      const times = edges.map((edge) => edge.node.updatedAt);
      const known = times.filter((time) => time !== null);
      expect(known).toHaveLength(11);
      expect(times.slice(known.length).every((time) => time === null)).toBe(true);
      expect(known).toEqual(orderBy === 'UPDATED_ASC' ? known.toSorted() : known.toSorted().reverse());
    }
  });

  test('can be narrowed by a filter', async () => {
    const count = async (filter: Record<string, unknown>) => {
      const answer = await user.client.request<{ conversations: Page<Listed> }>(
        'query Find($filter: ConversationFilter) { conversations(filter: $filter) { totalCount } }',
        { filter },
      );
      return answer.conversations.totalCount;
    };
    expect(await count({ externalId: 'c-7' })).toBe(1);
    expect(await count({ title: 'TITLE 4' })).toBe(4);
    expect(await count({ provider: 'claude' })).toBe(0);
    expect(await count({ createdAfter: '2023-11-14T22:13:22Z' })).toBe(7);
    expect(await count({ createdAfter: '2023-11-14T22:13:22Z', createdBefore: '2023-11-14T22:13:23Z' })).toBe(
      2,
    );
    expect(await count({ archived: true })).toBe(0);
    expect(await count({ title: 'title_%' })).toBe(0);
  });

  test.each(['externalId', 'provider', 'title'])('refuse a filter whose %s holds NUL', async (field) => {
    const { errors } = await user.client.ask(
      'query Find($filter: ConversationFilter) { conversations(filter: $filter) { edges { cursor } } }',
      { filter: { [field]: 'a\0' } },
    );
    expect(errors).toMatchObject([
      { message: 'Text cannot hold the character NUL (U+0000).', extensions: { code: 'INVALID_INPUT' } },
    ]);
  });

  test('refuse a cursor that is none', async () => {
    const answer = await user.client.ask(pageQuery, { first: 2, after: 'nonsense', orderBy: 'TITLE_ASC' });
    expect(answer.errors).toHaveLength(1);
  });
});

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
    user = await userWith([branched]);
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
    const { client } = await userWith([
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

describe('A search', () => {
  const searchQuery = `query Search($query: String!, $filter: ConversationFilter, $first: Int, $after: String) {
    search(query: $query, filter: $filter, first: $first, after: $after) {
      edges { cursor node { rank score snippet message { externalId text } conversation { externalId title } } }
      pageInfo { hasNextPage endCursor }
    }
  }`;
  interface Hit {
    rank: number;
    score: number;
    snippet: string;
    message: { externalId: string; text: string };
    conversation: { externalId: string; title: string };
  }
  let user: TestUser;
  beforeAll(async () => {
    const hostile = `Beware of <script>alert("walrus")</script> & of <img src=x onerror='steal()'> walruses.`;
    user = await userWith([
      { ...chatGpt([node('m', null, say('user', hostile))]), conversation_id: 'hostile' },
      {
        ...chatGpt([node('m', null, say('user', 'A narwhal and a <b>quokka</b>'))]),
        conversation_id: 'plain',
      },
      ...Array.from({ length: 7 }, (_, index) => dialogue(`d${index}`)),
    ]);
  });
  const search = async (variables: Record<string, unknown>) =>
    (await user.client.request<{ search: Page<Hit> }>(searchQuery, variables)).search;

  test('answers messages with their conversations and the matches marked', async () => {
    const { edges } = await search({ query: 'narwhals' });
    expect(edges.map((edge) => edge.node)).toMatchObject([
      { rank: 1, message: { externalId: 'm' }, conversation: { externalId: 'plain' } },
    ]);
    expect(edges[0]?.node.snippet).toContain('<mark>narwhal</mark>');
  });

  test('gives snippets in which no text becomes markup', async () => {
    const { edges } = await search({ query: 'walrus' });
    const snippet = edges[0]?.node.snippet ?? '';
    expect(snippet).toContain('<mark>');
    expect(snippet).toContain('&amp;');
    expect(snippet).toContain('&lt;script&gt;');
    expect(snippet.replaceAll(/<\/?mark>/g, '')).not.toMatch(/[<>"']/);
    expect(edges[0]?.node.message.text).toContain('<script>');
  });

  test('comes in pages, best first', async () => {
    const first = await search({ query: 'question', first: 4 });
    expect(first.edges.map((edge) => edge.node.rank)).toEqual([1, 2, 3, 4]);
    expect(first.pageInfo.hasNextPage).toBe(true);
    const second = await search({ query: 'question', first: 4, after: first.pageInfo.endCursor });
    expect(second.edges.map((edge) => edge.node.rank)).toEqual([5, 6, 7]);
    expect(second.pageInfo.hasNextPage).toBe(false);
    const ids = [...first.edges, ...second.edges].map((edge) => edge.node.conversation.externalId);
    expect(new Set(ids).size).toBe(7);
  });

  test('finds nothing without fuss', async () => {
    expect((await search({ query: 'unheard-of' })).edges).toEqual([]);
    expect((await search({ query: '-"' })).edges).toEqual([]);
  });

  test('can be kept to some conversations', async () => {
    const found = async (filter: Record<string, unknown>) => {
      const { edges } = await search({ query: 'question OR narwhal', filter });
      return edges.map((edge) => edge.node.conversation.externalId).toSorted();
    };
    const dialogues = Array.from({ length: 7 }, (_, index) => `d${index}`);
    expect(await found({})).toEqual([...dialogues, 'plain']);
    expect(await found({ externalId: 'd3', title: null })).toEqual(['d3']);
    expect(await found({ title: 'title OF d5' })).toEqual(['d5']);
    expect(await found({ title: '%' })).toEqual([]);
    expect(await found({ provider: 'chatgpt', title: 'of' })).toEqual(dialogues);
    expect(await found({ provider: 'claude' })).toEqual([]);
    expect(await found({ createdAfter: '2023-11-14T22:13:20.500Z' })).toEqual(dialogues);
    expect(await found({ createdBefore: '2023-11-14T22:13:20.500Z' })).toEqual([]);
    expect(await found({ archived: true })).toEqual([]);
    expect(await found({ archived: false, externalId: 'plain' })).toEqual(['plain']);
  });

  test('for text with NUL is refused', async () => {
    for (const variables of [{ query: 'a\0b' }, { query: 'a', filter: { title: 'a\0' } }]) {
      const { errors } = await user.client.ask(searchQuery, variables);
      expect(errors).toMatchObject([
        { message: 'Text cannot hold the character NUL (U+0000).', extensions: { code: 'INVALID_INPUT' } },
      ]);
    }
  });

  test('for nothing is refused', async () => {
    const { errors } = await user.client.ask(searchQuery, { query: ' ' });
    expect(errors).toMatchObject([
      { message: 'Say what to look for.', extensions: { code: 'INVALID_INPUT' } },
    ]);
  });
});

describe('A mutation answers expected failures as types:', () => {
  const configure = `mutation Configure($input: ConfigureSyncInput!) {
    configureSync(input: $input) {
      __typename
      ... on SyncConfig { enabled hasExportUrl frequencyHours }
      ... on Error { message code }
      ... on InvalidInput { fieldErrors { path message } }
    }
  }`;

  test('NotSignedIn to a stranger and to a wrong key', async () => {
    for (const key of [null, 'wrong']) {
      const stranger = createTestClient(server.url, key);
      const { startSync } = await stranger.request<{ startSync: object }>(startMutation, {});
      expect(startSync).toMatchObject({ __typename: 'NotSignedIn', code: 'NOT_SIGNED_IN' });
      expect(await stranger.ask('{ viewer { id } }')).toEqual({ data: { viewer: null } });
      const { errors } = await stranger.ask('{ syncConfig { enabled } }');
      expect(errors).toMatchObject([{ extensions: { code: 'NOT_SIGNED_IN' } }]);
      await stranger.close();
    }
  });

  test('NotAllowed to a key that may only read', async () => {
    const { client } = await server.asUser(new Set(['read']));
    const { startSync } = await client.request<{ startSync: object }>(startMutation, {});
    expect(startSync).toMatchObject({ __typename: 'NotAllowed', code: 'NOT_ALLOWED' });
    expect(await client.request('{ syncConfig { enabled } }')).toEqual({ syncConfig: { enabled: false } });
  });

  test('InvalidInput with every field that is wrong', async () => {
    const { client } = await server.asUser();
    const { configureSync } = await client.request<{ configureSync: object }>(configure, {
      input: { enabled: true, frequencyHours: 0 },
    });
    expect(configureSync).toMatchObject({
      __typename: 'InvalidInput',
      fieldErrors: [{ path: ['frequencyHours'] }],
    });
    const withoutUrl = await client.request<{ configureSync: object }>(configure, {
      input: { enabled: true },
    });
    expect(withoutUrl.configureSync).toMatchObject({
      __typename: 'InvalidInput',
      fieldErrors: [{ path: ['exportUrl'] }],
    });
  });

  test('and the result when all is well', async () => {
    const { client } = await server.asUser();
    const url = 'https://example.com/export.zip';
    const { configureSync } = await client.request<{ configureSync: object }>(configure, {
      input: { enabled: true, exportUrl: url, frequencyHours: 6 },
    });
    const expected = { enabled: true, hasExportUrl: true, frequencyHours: 6 };
    expect(configureSync).toEqual({ __typename: 'SyncConfig', ...expected });
    // What is left out stays; null removes.
    await client.request(configure, { input: { enabled: false } });
    expect(await client.request('{ syncConfig { enabled hasExportUrl frequencyHours } }')).toEqual({
      syncConfig: { ...expected, enabled: false },
    });
    await client.request(configure, { input: { enabled: false, exportUrl: null } });
    expect(await client.request('{ syncConfig { hasExportUrl } }')).toEqual({
      syncConfig: { hasExportUrl: false },
    });
  });
});

describe('The endpoint', () => {
  const post = (headers: Record<string, string>, body: string) =>
    fetch(`${server.url}/graphql`, { method: 'POST', headers, body });
  const query = JSON.stringify({ query: '{ viewer { id } }' });

  test('takes no request that a foreign page could make without asking', async () => {
    const forms = ['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain'];
    for (const type of forms) {
      const response = await post({ 'content-type': type }, query);
      expect(response.status, type).toBeGreaterThanOrEqual(400);
      expect(await response.text(), type).not.toContain('"data"');
    }
    const link = await fetch(`${server.url}/graphql?query=${encodeURIComponent('{ viewer { id } }')}`);
    expect(link.status).toBe(403);
    const json = { 'content-type': 'application/json' };
    expect((await post({ ...json, 'x-graphql-yoga-csrf': '1' }, query)).status).toBe(200);
    expect((await post({ ...json, 'x-api-key': server.apiKey }, query)).status).toBe(200);
  });

  test('serves GraphiQL with a query to begin with to a browser, from its own files', async () => {
    const response = await fetch(`${server.url}/graphql`, { headers: { accept: 'text/html' } });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain('text/html');
    const page = await response.text();
    expect(page).toContain('query Overview');
    expect(page).toContain('X-API-Key');
    expect(page).not.toMatch(/(src|href)="https?:/);
  });

  test('shows no GraphiQL in production', async () => {
    const production = await startTestServer({ backend: 'postgres', env: { ENVIRONMENT: 'production' } });
    const response = await fetch(`${production.url}/graphql`, { headers: { accept: 'text/html' } });
    expect(response.status).not.toBe(200);
    expect(await response.text()).not.toContain('query Overview');
    expect(await production.client.request('{ viewer { displayName } }')).toEqual({
      viewer: { displayName: 'Owner' },
    });
    await production.close();
  });

  test('refuses a query that does not fit the schema with words about it', async () => {
    const { errors } = await server.client.ask('{ nonsense }');
    expect(errors?.[0]?.message).toContain('nonsense');
  });
});

test('What nobody expected is masked by a request id, under which the log has the cause', async () => {
  const broken = await startTestServer({ backend: 'postgres' });
  await broken.services.database.query('DROP TABLE conversations CASCADE');
  const response = await fetch(`${broken.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': broken.apiKey, 'x-request-id': 'trace-me.1' },
    body: JSON.stringify({ query: '{ conversations { totalCount edges { node { title } } } }' }),
  });
  expect(response.headers.get('x-request-id')).toBe('trace-me.1');
  const text = await response.text();
  expect(text).not.toMatch(/prisma|relation|does not exist|\bat\b.*\.ts/i);
  expect(JSON.parse(text).errors).toMatchObject([
    {
      message: 'Something went wrong. Quote the request id trace-me.1.',
      path: ['conversations'],
      extensions: { code: 'INTERNAL', requestId: 'trace-me.1' },
    },
  ]);
  const line = broken
    .logged()
    .split('\n')
    .find((each) => each.includes('trace-me.1') && each.includes('"level":50'));
  expect(line).toMatch(/conversations/);
  await broken.close();
});

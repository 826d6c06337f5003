import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { chatGpt, node, say } from '../archive/builders.ts';
import { createTestClient } from '../support/client.ts';
import type { Page } from '../support/pages.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { userWith } from '../support/users.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

describe('Pages of conversations', () => {
  const orders = ['UPDATED_AT', 'CREATED_AT', 'TITLE', 'MESSAGE_COUNT'].flatMap((field) => [
    { field, direction: 'ASC' },
    { field, direction: 'DESC' },
  ]);
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
    user = await userWith(server, conversations);
  });

  async function page(variables: Record<string, unknown>): Promise<Page<Listed>> {
    const { conversations } = await user.client.request<{ conversations: Page<Listed> }>(
      pageQuery,
      variables,
    );
    return conversations;
  }

  test.each(orders)(
    'ordered by $field $direction hold each one once, forward as backward',
    async (orderBy) => {
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
    },
  );

  test('put those without a time last', async () => {
    for (const direction of ['DESC', 'ASC']) {
      const { edges } = await page({ first: 100, orderBy: { field: 'UPDATED_AT', direction } });
      const times = edges.map((edge) => edge.node.updatedAt);
      const known = times.filter((time) => time !== null);
      expect(known).toHaveLength(11);
      expect(times.slice(known.length).every((time) => time === null)).toBe(true);
      expect(known).toEqual(direction === 'ASC' ? known.toSorted() : known.toSorted().reverse());
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
    const byTitle = { field: 'TITLE', direction: 'ASC' };
    const { edges } = await page({ first: 1, orderBy: { field: 'UPDATED_AT', direction: 'ASC' } });
    const hostile = Buffer.from(JSON.stringify(['TITLE', 'a\0', 'x'])).toString('base64url');
    for (const after of ['nonsense', edges[0]?.cursor, hostile, '']) {
      const answer = await user.client.ask(pageQuery, { first: 2, after, orderBy: byTitle });
      expect(answer.errors).toMatchObject([{ extensions: { code: 'INVALID_INPUT' } }]);
    }
  });

  test('take null for what they do without', async () => {
    const listed = '{ edges { cursor } }';
    const { conversations, search } = await user.client.request<Record<string, Page<unknown>>>(
      `{ conversations(first: 2, orderBy: null) { edges { node { messages(path: null) ${listed} } } }
         search(query: "text", mode: null, first: 2) ${listed} }`,
    );
    expect([conversations?.edges.length, search?.edges.length]).toEqual([2, 2]);
  });

  test('have no cursors when they are empty', async () => {
    const empty = { pageInfo: { startCursor: null, endCursor: null } };
    const asked = '{ pageInfo { startCursor endCursor } }';
    expect(
      await user.client.request(`{ conversations(first: 0) ${asked} search(query: "text", first: 0) ${asked}
        syncHistory(first: 0) ${asked} }`),
    ).toEqual({ conversations: empty, search: empty, syncHistory: empty });
  });

  test.each([
    ['a cursor that is none', 'syncHistory(after: "zz") { edges { cursor } }'],
    [
      'one below a conversation',
      'conversations { edges { node { messages(after: "zz") { edges { cursor } } } } }',
    ],
    ['one below a task', 'syncHistory { edges { node { problems(after: "zz") { edges { cursor } } } } }'],
    [
      'that of another list',
      `conversations { edges { node { messages(after: "${btoa('GPC:T:["S:a","S:b"]')}") { edges { cursor } } } } }`,
    ],
    ['fewer than no items', 'conversations(first: -1) { edges { cursor } }'],
    ['fewer than no items of what Prisma pages', 'syncHistory(first: -1) { edges { cursor } }'],
    ['both ends', `syncHistory(first: 1, before: "${btoa('GPC:S:a')}") { edges { cursor } }`],
    ['a year 0', 'conversations(filter: { createdAfter: "0000-01-01T00:00:00Z" }) { totalCount }'],
    [
      'a year of five digits',
      'conversations(filter: { createdAfter: "+010000-01-01T00:00:00Z" }) { totalCount }',
    ],
    ['a time that is none', 'search(query: "a", filter: { createdBefore: "soon" }) { totalCount }'],
    ['a day that is none', 'conversations(filter: { createdAfter: "2023-02-30" }) { totalCount }'],
    ['an hour that is none', 'conversations(filter: { createdAfter: "2023-02-03T25:00Z" }) { totalCount }'],
    ['a number', 'conversations(filter: { createdAfter: "1" }) { totalCount }'],
    ['a day in another form', 'conversations(filter: { createdAfter: "12/31/2027" }) { totalCount }'],
  ])('refuse %s as wrong input', async (_name, field) => {
    const { errors } = await user.client.ask(`{ ${field} }`);
    expect(errors?.[0]).toMatchObject({ extensions: { code: 'INVALID_INPUT' } });
    for (const { message } of errors ?? []) expect(message).not.toContain('zz');
  });

  test('are those that are written, wherever the server stands', async () => {
    vi.stubEnv('TZ', 'America/New_York');
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(new Date('2023-11-14T22:13:22').toISOString()).toContain('2023-11-15');
    const count = async (createdAfter: string) => {
      const query =
        'query Count($after: DateTime) { conversations(filter: { createdAfter: $after }) { totalCount } }';
      const { conversations } = await user.client.request<{ conversations: Page<Listed> }>(query, {
        after: createdAfter,
      });
      return conversations.totalCount;
    };
    const written = ['22:13:22Z', '22:13:22.000', '22:13:22', '23:13:22+01:00', '17:13:22-0500'];
    for (const time of written) expect(await count(`2023-11-14T${time}`)).toBe(7);
    expect(await count('2023-11-14')).toBe(await count('2023-11-14T00:00Z'));
  });

  test('reach from the year 1 to 9999, in variables as well', async () => {
    const count =
      'query Count($after: DateTime) { conversations(filter: { createdAfter: $after }) { totalCount } }';
    for (const after of ['0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z']) {
      expect(await user.client.ask(count, { after })).not.toHaveProperty('errors');
    }
    const { errors } = await user.client.ask(count, { after: '-000001-01-01T00:00:00Z' });
    expect(errors).toMatchObject([{ extensions: { code: 'INVALID_INPUT' } }]);
  });
});

test('An id that names no node leads to null, beside those that do, once the viewer is known', async () => {
  const { client } = server;
  const { viewer } = await client.request<{ viewer: { id: string } }>('{ viewer { id } }');
  const ids = ['abc', viewer.id, btoa('Foo:xx'), btoa('SyncConfig:xx'), btoa('Conversation:xx'), ''];
  const query = 'query Nodes($ids: [ID!]!) { nodes(ids: $ids) { id } }';
  expect(await client.ask(query, { ids })).toEqual({
    data: { nodes: [null, { id: viewer.id }, null, null, null, null] },
  });
  const stranger = createTestClient(server.url, null);
  for (const id of ids) {
    const one = 'query Node($id: ID!) { node(id: $id) { id } }';
    const answer = await client.ask(one, { id });
    expect(answer).toEqual({ data: { node: id === viewer.id ? { id } : null } });
    const { errors } = await stranger.ask(one, { id });
    expect(errors).toMatchObject([{ path: ['node'], extensions: { code: 'NOT_SIGNED_IN' } }]);
  }
  await stranger.close();
});

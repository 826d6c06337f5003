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
});

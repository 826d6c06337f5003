import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chatGpt, dialogue, node, say } from '../archive/builders.ts';
import type { Page } from '../support/pages.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { userWith } from '../support/users.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

describe('A search', () => {
  const searchQuery = `query Search($query: String!, $filter: SearchFilter, $first: Int, $after: String) {
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
    user = await userWith(server, [
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

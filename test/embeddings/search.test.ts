import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { connect, type Results } from '../mcp/client.ts';
import { messages } from '../search/search.ts';
import type { TestUser } from '../support/server.ts';
import { sync } from '../support/syncs.ts';
import { search, untilReckoned } from './search.ts';
import { type Stage, startStage } from './stage.ts';

const texts = {
  socket: 'My websockets keep reconnecting behind the proxy',
  bread: 'Bread needs flour, water and patience',
  baker: 'The bakery sells breads of rye flour',
  garden: 'Tomatoes want sun',
  long: `${'filler '.repeat(2_000)}`,
};

let stage: Stage;
let user: TestUser;
let exportUrl: string;
beforeAll(async () => {
  stage = await startStage();
  ({ user, exportUrl } = await stage.userWith([messages(texts), dialogue('other')]));
  stage.model.maxCharacters = 3_000;
  await sync(user.client, exportUrl);
  await untilReckoned(user);
}, 180_000);
afterAll(() => stage.close());
describe('A search', () => {
  test('by meaning finds what words do not', async () => {
    expect(await search(user, 'webscokets reconecting', { mode: 'KEYWORD' })).toMatchObject({
      mode: 'KEYWORD',
      ids: [],
    });
    const { ids, mode, edges } = await search(user, 'webscokets reconecting', { mode: 'SEMANTIC' });
    expect(mode).toBe('SEMANTIC');
    expect(ids[0]).toBe('socket');
    expect(edges[0]?.node.snippet).toContain('websockets');
    expect(edges[0]?.node.score).toBeGreaterThan(edges[1]?.node.score ?? 1);
  });

  test('by both puts first what both find', async () => {
    const { ids, mode, totalCount } = await search(user, 'bread flour');
    expect(mode).toBe('HYBRID');
    expect(new Set(ids.slice(0, 2))).toEqual(new Set(['bread', 'baker']));
    expect(totalCount).toBeGreaterThan(2);
  });

  test('by both asks what was meant when only meanings were found', async () => {
    const { totalCount, didYouMean } = await search(user, 'webscokets');
    expect(totalCount).toBeGreaterThan(0);
    expect(didYouMean).toBe('websockets');
    expect((await search(user, 'bread flour')).didYouMean).toBeNull();
  });

  test('leaves out what it excludes', async () => {
    for (const mode of ['SEMANTIC', 'HYBRID']) {
      expect((await search(user, 'bread flour -rye', { mode })).ids).not.toContain('baker');
    }
    expect((await search(user, '-rye', { mode: 'SEMANTIC' })).ids).toEqual([]);
    // An option of a command is no exclusion.
    expect((await search(user, 'bread flour --rye', { mode: 'SEMANTIC' })).ids).toContain('baker');
  });

  test('keeps to its filter', async () => {
    const { edges } = await search(user, 'other question', { mode: 'KEYWORD' });
    const filter = { conversationId: edges[0]?.node.conversation.id };
    const { ids } = await search(user, 'bread', { mode: 'SEMANTIC', filter });
    expect(ids.length).toBeGreaterThan(0);
    expect(ids).not.toContain('bread');
    expect((await search(user, 'bread', { mode: 'SEMANTIC', filter: { role: 'nobody' } })).ids).toEqual([]);
  });

  test('goes on from page to page', async () => {
    const { ids } = await search(user, 'bread flour', { mode: 'HYBRID', first: 100 });
    const paged: string[] = [];
    for (let after: string | undefined, more = true; more; ) {
      const page = await search(user, 'bread flour', { mode: 'HYBRID', first: 2, after });
      paged.push(...page.ids);
      after = page.pageInfo.endCursor;
      more = page.pageInfo.hasNextPage;
    }
    expect(paged).toEqual(ids);
  });

  test('stays in the mode in which its list began', async () => {
    const byWords = await search(user, 'flour', { mode: 'KEYWORD', first: 1 });
    const rest = await search(user, 'flour', { first: 5, after: byWords.pageInfo.endCursor });
    expect(rest.mode).toBe('KEYWORD');
    expect(new Set([...byWords.ids, ...rest.ids])).toEqual(new Set(['bread', 'baker']));
    const { errors } = await user.client.ask(
      `query Q($after: String) { search(query: "flour", mode: SEMANTIC, after: $after) { mode } }`,
      { after: byWords.pageInfo.endCursor },
    );
    expect(errors).toMatchObject([{ message: expect.stringContaining('in the mode KEYWORD, not SEMANTIC') }]);
  });

  test('by both neither repeats nor skips a hit when all ranks have changed', async () => {
    const { user: mine, exportUrl: url } = await stage.userWith([
      messages({
        one: 'Kiwi kiwi',
        two: 'Kiwi plums',
        three: 'Kiwi among curious fruits of distant islands',
      }),
    ]);
    const first = await search(mine, 'kiwi', { mode: 'HYBRID', first: 2 });
    await sync(mine.client, url);
    await untilReckoned(mine);
    // The vectors have come between, and with them another rank and score for each.
    const second = await search(mine, 'kiwi', { mode: 'HYBRID', first: 5, after: first.pageInfo.endCursor });
    expect([...first.ids, ...second.ids]).toEqual(['one', 'two', 'three']);
  });

  test('by both counts no more than by words', async () => {
    const { user: mine, exportUrl: url } = await stage.userWith([messages({ own: 'Quiet as a mouse' })]);
    await sync(mine.client, url);
    await untilReckoned(mine);
    await stage.server.services.database.query(
      `INSERT INTO message_search (user_id, conversation_id, node_id, terms, role, kind, on_active_path)
       SELECT $1, gen_random_uuid(), 'n', '''ant'':1', 'user', 'VISIBLE', true FROM generate_series(1, 1000)`,
      [mine.viewer.userId],
    );
    const { totalCount, totalCountCapped } = await search(mine, 'ant', { mode: 'HYBRID', first: 1 });
    expect({ totalCount, totalCountCapped }).toEqual({ totalCount: 1_000, totalCountCapped: true });
  });

  test('finds nothing of anybody else', async () => {
    const { user: other, exportUrl: url } = await stage.userWith([messages({ own: 'Quiet as a mouse' })]);
    await sync(other.client, url);
    await untilReckoned(other);
    expect((await search(other, 'bread flour', { mode: 'SEMANTIC' })).ids).toEqual(['own']);
  });

  test('for a text that is too long for the model means what its beginning does', async () => {
    stage.model.maxCharacters = 200;
    const { ids } = await search(user, `websockets ${'長い'.repeat(445)}`, { mode: 'SEMANTIC' });
    expect(ids[0]).toBe('socket');
    stage.model.maxCharacters = 3_000;
  });

  test('that the model refuses says so, and stands in no other one’s way', async () => {
    stage.model.fault = { text: 'quagga', status: 400 };
    const { errors } = await user.client.ask(`{ search(query: "quagga", mode: SEMANTIC) { totalCount } }`);
    expect(errors).toMatchObject([
      { message: expect.stringContaining('does not take this text'), extensions: { missing: ['ANSWER'] } },
    ]);
    expect((await search(user, 'quagga')).mode).toBe('KEYWORD');
    stage.model.fault = null;
    expect((await search(user, 'flour and patience', { mode: 'SEMANTIC' })).ids[0]).toBe('bread');
  });

  test('goes by words alone while the model does not answer, unless meaning was asked for', async () => {
    stage.model.fault = { text: 'patience', status: 500 };
    expect(await search(user, 'patience')).toMatchObject({ mode: 'KEYWORD', ids: ['bread'] });
    const { errors } = await user.client.ask(`{ search(query: "patience", mode: HYBRID) { totalCount } }`);
    expect(errors).toMatchObject([
      { extensions: { code: 'SEMANTIC_SEARCH_UNAVAILABLE', missing: ['ANSWER'] } },
    ]);
    // A list that began by both does not go on by words alone, nor end without a word.
    const { errors: later } = await user.client.ask(
      `query Q($after: String) { search(query: "patience and water", after: $after) { totalCount } }`,
      { after: (await search(user, 'bread flour')).pageInfo.endCursor },
    );
    expect(later).toEqual(errors?.map((error) => expect.objectContaining({ message: error.message })));
    stage.model.fault = null;
  });
});

test('REST finds messages by their words alone', async () => {
  const ask = async (path: string, query: string) =>
    (await user.client.rest('POST', path, { query, k: 5 })).json as {
      hits: { preview: string }[];
      total_candidates?: number;
    };
  for (const path of ['/search', '/search/advanced', '/search-multi-layer']) {
    expect((await ask(path, 'webscokets reconecting')).hits).toEqual([]);
    expect((await ask(path, 'websockets reconnecting')).hits.map(({ preview }) => preview)).toEqual([
      texts.socket,
    ]);
  }
});

test('An assistant is told another spelling when only meanings were found', async () => {
  const { call } = await connect(stage.server.url, { 'x-api-key': user.apiKey });
  const missed = await call<Results>('search', { query: 'webscokets' });
  expect(missed).toMatchObject({ did_you_mean: 'websockets' });
  expect(missed.total_count).toBeGreaterThan(0);
});

test('What is asked about is found by its meaning', async () => {
  const ask = async (searchMode: string) => {
    const response = await fetch(new URL('/analyze', stage.server.url), {
      method: 'POST',
      headers: { 'x-api-key': user.apiKey, 'content-type': 'application/json' },
      body: JSON.stringify({ query: 'webscokets reconecting', search_mode: searchMode, k: 1 }),
    });
    return response.json();
  };
  expect(await ask('KEYWORD')).toMatchObject({ summary: '' });
  for (const mode of ['SEMANTIC', 'HYBRID', 'AUTO']) {
    expect(await ask(mode)).toMatchObject({ summary: texts.socket });
  }
});

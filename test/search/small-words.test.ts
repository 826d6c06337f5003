import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chatGpt, dialogue, node, say } from '../archive/builders.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { userWith } from '../support/users.ts';
import { foundBy, messages, search } from './search.ts';

const texts = {
  phone: 'My phone bill from AT&T went up. At a time when nobody calls.',
  spaced: 'Is AT & T a bank, or a phone company?',
  band: 'A band of my youth was The  Who.',
  health: 'WHO warns of a new flu, says the phone.',
  hamlet: 'To be, or not to be: that is what Hamlet asks.',
  prose: 'To be seen or not seen is nothing to be proud of.',
  tea: 'What is it? A teapot.',
  contraction: 'I don’t',
  loop: 'An endless loop is for (;;) { tick(); }',
  arrow: 'const f = (x) => x;',
  cpp: 'A pointer in C++ may dangle.',
  csharp: 'No pointer in C# does.',
  c: 'A pointer in C is a number.',
  launch: 'Launch day 🚀',
  list: 'ls -a lists what is hidden',
  hyphen: 'My to-do list',
  joined: 'My todo list',
  apart: 'A list of what to do',
};

let server: TestServer;
let user: TestUser;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
  user = await userWith(server, [messages(texts)]);
});
afterAll(() => server.close());

describe('What the index does not hold is found', () => {
  const cases: [query: string, found: (keyof typeof texts)[]][] = [
    ['AT&T', ['phone', 'spaced']],
    ['at&t', ['phone', 'spaced']],
    ['"AT&T"', ['phone', 'spaced']],
    ['The Who', ['band']],
    ['"the who"', ['band']],
    ['WHO', ['health']],
    ['who', ['band', 'health']],
    ['"not to be"', ['hamlet']],
    ['to be or not to be', ['hamlet']],
    ['"to be or not to be"', ['hamlet']],
    ['or not', ['hamlet', 'prose']],
    ['what is it?', ['tea']],
    ["don't", ['contraction']],
    ['for (;;)', ['loop']],
    ['=>', ['arrow']],
    ['🚀', ['launch']],
    // Beside others.
    ['AT&T phone', ['phone', 'spaced']],
    ['AT&T bill', ['phone']],
    ['what is AT&T', ['phone', 'spaced']],
    ['who was "at a time"', ['phone']],
    ['const "=>"', ['arrow']],
    ['const "<="', []],
    ['const -"=>"', []],
    ['pointer -"++"', ['csharp', 'c']],
    ['-"=>"', []],
    ['to-do', ['hyphen', 'joined', 'apart']],
    ['to-do list', ['hyphen', 'joined', 'apart']],
    ['"to-do" list', ['hyphen']],
    ['list -to-do', ['list']],
    ['"at a time" phone', ['phone']],
    ['phone -AT&T', ['health']],
    ['phone -"at a time"', ['spaced', 'health']],
    ['AT&T OR pointer', ['phone', 'spaced', 'cpp', 'csharp', 'c']],
    ['"the who" OR "what is it"', ['band', 'tea']],
    ['C++', ['cpp']],
    ['c#', ['csharp']],
    ['pointer -C++', ['csharp', 'c']],
    ['pointer C++ OR hamlet', ['cpp', 'hamlet']],
    // As ever.
    ['the pointer in', ['cpp', 'csharp', 'c']],
    ['the OR hamlet', ['hamlet']],
    ['ls -a', ['list']],
    ['-the', []],
    ['the of and', []],
  ];
  test.each(cases)('by %s', async (query, found) => {
    expect((await foundBy(user, query)).toSorted()).toEqual([...found].toSorted());
  });

  test('and marked', async () => {
    const snippets = async (query: string) =>
      (await search(user, query)).edges.map(({ node: { snippet } }) => snippet);
    expect(await snippets('the who')).toEqual(['A band of my youth was <mark>The Who</mark>.']);
    expect(await snippets('AT&T bill')).toEqual([
      'My phone <mark>bill</mark> from <mark>AT&amp;T</mark> went up. At a time when nobody calls.',
    ]);
  });
});

describe('What is read', () => {
  const atS = (day: number) => Date.UTC(2024, 0, day) / 1000;
  const hidden = { metadata: { is_visually_hidden_from_conversation: true } };
  const mine = chatGpt(
    [
      node('old', null, say('user', 'What is it', { create_time: atS(1) })),
      node('none', 'old', say('user', 'What is it, again', { create_time: null })),
      node('secret', 'none', say('system', 'What is it now', { create_time: atS(9), ...hidden })),
      node('new', 'secret', say('assistant', 'What is it then', { create_time: atS(3) })),
    ],
    { conversation_id: 'mine', title: 'What is it', create_time: atS(2) },
  );

  test('comes in order of time, the title first and hidden ones last, page by page', async () => {
    const reader = await userWith(server, [mine, dialogue('other')]);
    expect(await foundBy(reader, 'what is it')).toEqual(['old', 'new', 'none', 'old', 'secret']);
    const paged: [string, boolean][] = [];
    for (let after: string | undefined, more = true; more; ) {
      const { edges, pageInfo, totalCount } = await search(reader, 'what is it', { first: 2, after });
      expect(totalCount).toBe(5);
      expect(edges[0]?.node.rank).toBe(paged.length + 1);
      paged.push(
        ...edges.map((edge): [string, boolean] => [edge.node.message.externalId, edge.node.isTitleMatch]),
      );
      after = pageInfo.endCursor;
      more = pageInfo.hasNextPage;
    }
    expect(paged).toEqual([
      ['old', true],
      ['new', false],
      ['none', false],
      ['old', false],
      ['secret', false],
    ]);
  });

  test('is what a filter lets through', async () => {
    const reader = await userWith(server, [mine]);
    expect(await foundBy(reader, 'what is it', { role: 'assistant' })).toEqual(['new']);
    expect(await foundBy(reader, 'what is it', { kind: ['HIDDEN'] })).toEqual(['secret']);
    expect(await foundBy(reader, 'what is it', { createdBefore: '2024-01-02T00:00:00Z' })).toEqual(['old']);
    expect(await foundBy(reader, 'what is it', { title: 'nothing' })).toEqual([]);
    const [hit] = (await search(reader, 'what is it')).edges;
    const conversationId = hit?.node.conversation.id;
    expect(await foundBy(reader, 'what is it', { conversationId })).toHaveLength(5);
  });

  test('is the reader’s own', async () => {
    const other = await userWith(server, [dialogue('own')]);
    for (const query of ['AT&T', 'AT&T OR pointer', 'C++', 'pointer -AT&T'])
      expect(await search(other, query), query).toMatchObject({ edges: [], totalCount: 0 });
  });

  test('is the newest part of a large archive, and the answer says that there is more', {
    timeout: 120_000,
  }, async () => {
    const rich = await userWith(server, [messages({ first: 'AT&T' }, { create_time: atS(1) })]);
    const { database } = server.services;
    await database.query(
      `INSERT INTO messages (user_id, conversation_id, node_id, ordinal, sibling_index, sibling_count, on_active_path,
         role, kind, content_type, text, created_at)
       SELECT user_id, id, 'n' || n, n, 0, 1, true, 'user', 'VISIBLE', 'text', 'It is so', '2024-02-01'
       FROM conversations, generate_series(1, 50000) AS n WHERE user_id = $1`,
      [rich.viewer.userId],
    );
    const { totalCount, totalCountCapped } = await search(rich, 'AT&T');
    expect({ totalCount, totalCountCapped }).toEqual({ totalCount: 0, totalCountCapped: true });
    const filter = { createdBefore: '2024-01-15T00:00:00Z' };
    expect(await search(rich, 'AT&T', { filter })).toMatchObject({ totalCount: 1, totalCountCapped: false });
    expect(await search(rich, 'is so', { first: 1 })).toMatchObject({
      totalCount: 1_000,
      totalCountCapped: true,
    });
  });

  test('is read once for branches that ask the same of the text', async () => {
    const words = ['pointer', 'hamlet', 'teapot', 'tick', 'launch', 'phone'];
    const query = words.map((word) => `${word} -AT&T`).join(' OR ');
    expect((await foundBy(user, query)).toSorted()).toEqual([
      'c',
      'cpp',
      'csharp',
      'hamlet',
      'health',
      'launch',
      'loop',
      'tea',
    ]);
    expect((await search(user, query)).totalCountCapped).toBe(false);
  });

  test('is of four branches of a query, and the answer says that there are more', async () => {
    const query = ['"the who"', '"at a time"', '"is a"', '"what is it"', '"to be"', `"I don't"`].join(' OR ');
    const { totalCountCapped, edges } = await search(user, query);
    expect(totalCountCapped).toBe(true);
    const found = edges.map(({ node: { message } }) => message.externalId);
    expect(found).toContain('hamlet');
    expect(found).not.toContain('contraction');
  });

  test('is given up when it takes the database long', async () => {
    const cut = server.services.database.transaction(async (tx) => {
      await tx.query('LOCK TABLE messages');
      return search(user, 'what is it');
    });
    expect(await cut).toMatchObject({ totalCount: 0, totalCountCapped: true });
  });
});

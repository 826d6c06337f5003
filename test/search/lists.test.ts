import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { localId } from '../../src/domain/global-id.ts';
import { narrowSearch } from '../../src/domain/search/filter.ts';
import { type Ranking, rankAll } from '../../src/domain/search/match.ts';
import { parseQuery } from '../../src/text/query.ts';
import { chatGpt, dialogue, node, say } from '../archive/builders.ts';
import { withFiles } from '../support/conversations.ts';
import { exportOf } from '../support/exports.ts';
import { holdImportsAfter } from '../support/gate.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { readTask, startSync, untilOver } from '../support/syncs.ts';
import { until } from '../support/until.ts';
import { userWith } from '../support/users.ts';
import { foundBy, messages, search, searchDocument } from './search.ts';

const atS = (day: number) => Date.UTC(2024, 0, day) / 1000;

/** A conversation with two branches, of which the second is shown. */
const branched = chatGpt(
  [
    node('root', null, null, { children: ['bq'] }),
    node('bq', 'root', say('user', 'zebra question', { create_time: atS(1) }), { children: ['b1', 'b2'] }),
    node(
      'b1',
      'bq',
      say('assistant', 'zebra of the first branch', {
        create_time: atS(2),
        metadata: { model_slug: 'gpt-4' },
      }),
      {
        children: [],
      },
    ),
    node(
      'b2',
      'bq',
      say('assistant', 'zebra of the second branch', {
        create_time: atS(3),
        metadata: { model_slug: 'gpt-5' },
      }),
      {
        children: [],
      },
    ),
  ],
  { conversation_id: 'branched', title: 'Okapi studies', create_time: atS(1), current_node: 'b2' },
);
const long = chatGpt(
  Array.from({ length: 41 }, (_, index) =>
    node(
      `n${index}`,
      index === 0 ? null : `n${index - 1}`,
      say('user', index === 20 ? 'the aardvark' : `turn ${index}`),
    ),
  ),
  { conversation_id: 'long', title: 'A long one', current_node: 'n40' },
);

let server: TestServer;
let user: TestUser;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
  user = await userWith(server, [
    branched,
    long,
    withFiles('filed', { id: 'file-1', name: 'a.png' }),
    ...Array.from({ length: 24 }, (_, index) => dialogue(`d${index}`)),
  ]);
});
afterAll(() => server.close());

describe('A filter keeps', () => {
  const cases: [what: string, filter: object, found: string[]][] = [
    ['nothing back by itself', {}, ['b1', 'b2', 'bq']],
    ['a role', { role: 'assistant' }, ['b1', 'b2']],
    ['a kind', { kind: ['VISIBLE'] }, ['b1', 'b2', 'bq']],
    ['no other kind', { kind: ['TOOL', 'REASONING'] }, []],
    ['what is shown', { onActivePath: true }, ['b2', 'bq']],
    ['other branches', { onActivePath: false }, ['b1']],
    ['a model', { model: 'gpt-4' }, ['b1']],
    ['the time from', { createdAfter: '2024-01-02T00:00:00Z' }, ['b1', 'b2']],
    ['the time until', { createdBefore: '2024-01-02T00:00:00Z' }, ['bq']],
    ['a provider', { provider: 'claude' }, []],
    ['what has no file', { hasAttachment: false }, ['b1', 'b2', 'bq']],
    ['a title', { title: 'okapi' }, ['b1', 'b2', 'bq']],
    ['unknown conversations out', { conversationId: 'none' }, []],
    ['an id that is none out', { conversationId: '' }, []],
  ];
  test.each(cases)('%s', async (_, filter, found) => {
    expect((await foundBy(user, 'zebra', filter)).toSorted()).toEqual(found);
  });

  test('one conversation', async () => {
    const [hit] = (await search(user, 'zebra')).edges;
    const conversationId = hit?.node.conversation.id;
    expect(await foundBy(user, 'zebra OR question', { conversationId })).toHaveLength(3);
  });

  test('messages with a file', async () => {
    expect(await foundBy(user, 'filed', { hasAttachment: true })).toEqual(['q']);
  });
});

test('A filter by a time that PostgreSQL cannot hold is refused', async () => {
  for (const document of [
    'query Early($at: DateTime!) { search(query: "zebra", filter: { createdAfter: $at }) { totalCount } }',
    'query Early($at: DateTime!) { conversations(filter: { updatedBefore: $at }) { totalCount } }',
  ]) {
    const { errors } = await user.client.ask(document, { at: '-200000-01-01T00:00:00Z' });
    expect(errors).toMatchObject([{ extensions: { code: 'INVALID_INPUT' } }]);
  }
});

test('A hit whose message is gone neither shortens a page nor ends the list', async () => {
  const reader = await userWith(server, [dialogue('g0'), dialogue('g1'), dialogue('g2')]);
  const [best] = (await search(reader, 'question')).edges;
  await server.services.database.query('DELETE FROM messages WHERE user_id = $1 AND conversation_id = $2', [
    reader.viewer.userId,
    localId('Conversation', best?.node.conversation.id ?? ''),
  ]);
  const { edges, pageInfo } = await search(reader, 'question', { first: 1 });
  expect(edges).toHaveLength(1);
  expect(pageInfo.hasNextPage).toBe(true);
});

test('Of more than a thousand matches the newest thousand are counted', async () => {
  const flock = Object.fromEntries(
    Array.from({ length: 1_001 }, (_, index) => [`n${index}`, 'A wildebeest']),
  );
  const rich = await userWith(server, [messages(flock)]);
  const { totalCount, totalCountCapped } = await search(rich, 'wildebeest', { first: 1 });
  expect({ totalCount, totalCountCapped }).toEqual({ totalCount: 1_000, totalCountCapped: true });
});

test('New messages are found while the import that brings them still runs', async () => {
  const reader = await server.asUser();
  const { client } = reader;
  const [before] = await server.services.database.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM conversations',
  );
  // The first twenty conversations are a batch.
  const gate = await holdImportsAfter(server.databaseUrl, (before?.count ?? 0) + 20);
  const bytes = await exportOf(Array.from({ length: 21 }, (_, index) => dialogue(`new${index}`)));
  const { id } = await startSync(client, server.exports.serve(bytes).url);
  const found = async () => (await search(reader, 'question')).totalCount;
  await until('the first batch is found', async () => (await found()) === 20);
  expect(await readTask(client, id)).toMatchObject({ status: 'RUNNING', phase: 'IMPORTING' });
  await gate.open();
  expect(await untilOver(client, id)).toMatchObject({ status: 'COMPLETED' });
  expect(await found()).toBe(21);
});

test.each([
  'boats',
  'Häuser',
  'boats Häuser',
  'boats OR Häuser',
  '"Häuser und Boote"',
  'Häuser OR snake_case 2024',
  'boats -trains',
  'Häuser OR boats -Züge',
])('%s is ranked the same, whatever language its lexemes are for', async (query) => {
  const english = 'The boats of 2024 and the boat that was there, a snake_case of houses.';
  const german =
    'Die Häuser und Boote von 2024, ein Haus und noch ein Haus, und das ist snake_case für die Boote.';
  const reader = await userWith(server, [
    messages({
      en: english,
      de: german,
      boat: 'boats, boats, and boats',
      both: `${english} ${german}`,
      no: `${german} boats trains Züge`,
    }),
  ]);
  const parsed = parseQuery(query);
  const rank = (ranking: Ranking) =>
    rankAll(server.services, reader.viewer.userId, ranking, narrowSearch({}, 3));
  const ranked = await rank(parsed);
  expect(ranked.matches.length).toBeGreaterThan(0);
  expect(ranked).toEqual(await rank({ ...parsed, english: parsed.tsquery, foreign: null }));
});

describe('A title that matches', () => {
  test('leads to the first message', async () => {
    const { edges } = await search(user, 'okapis');
    expect(edges.map((edge) => edge.node)).toMatchObject([
      { isTitleMatch: true, snippet: '<mark>Okapi</mark> studies', message: { externalId: 'bq' } },
    ]);
  });

  test('is found beside a message that the export gives an empty id', async () => {
    const nameless = chatGpt([node('', null, say('user', 'a quokka'))], { title: 'Numbats' });
    const { edges } = await search(await userWith(server, [nameless]), 'quokka OR numbat');
    expect(edges.map(({ node: { isTitleMatch, snippet } }) => [isTitleMatch, snippet]).toSorted()).toEqual([
      [false, 'a <mark>quokka</mark>'],
      [true, '<mark>Numbats</mark>'],
    ]);
  });

  test('is found by its new words once it was changed', async () => {
    const renamed = await userWith(server, [dialogue('r1')]);
    const [hit] = (await search(renamed, 'title')).edges;
    await renamed.client.request(
      `mutation Rename($id: ID!) { renameConversation(id: $id, title: "Quagga") { __typename } }`,
      { id: hit?.node.conversation.id },
    );
    expect((await search(renamed, 'quaggas')).totalCount).toBe(1);
    expect((await search(renamed, 'title')).totalCount).toBe(0);
  });
});

describe('Pages', () => {
  test('of any size hold every hit once, in order, forwards and backwards', async () => {
    const all = await search(user, 'question OR answer', { first: 100 });
    const ids = all.edges.map((edge) => edge.node.message.id);
    expect(all).toMatchObject({ totalCount: ids.length, totalCountCapped: false });
    expect(ids.length).toBeGreaterThan(45);
    const forwards: string[] = [];
    for (let after: string | undefined, more = true; more; ) {
      const { edges, pageInfo } = await search(user, 'question OR answer', { first: 7, after });
      expect(edges[0]?.node.rank).toBe(forwards.length + 1);
      forwards.push(...edges.map((edge) => edge.node.message.id));
      after = pageInfo.endCursor;
      more = pageInfo.hasNextPage;
    }
    expect(forwards).toEqual(ids);
    const backwards: string[] = [];
    for (let before: string | undefined, more = true; more; ) {
      const { edges, pageInfo } = await search(user, 'question OR answer', { last: 7, before });
      backwards.unshift(...edges.map((edge) => edge.node.message.id));
      before = pageInfo.startCursor;
      more = pageInfo.hasPreviousPage;
    }
    expect(backwards).toEqual(ids);
  });

  test('show each conversation once on request', async () => {
    const { edges, totalCount } = await search(user, 'zebra OR question OR answer', {
      onePerConversation: true,
      first: 100,
    });
    const conversations = edges.map((edge) => edge.node.conversation.externalId);
    expect(new Set(conversations).size).toBe(conversations.length);
    expect(totalCount).toBe(25);
  });

  test('hold the newest thousand, and say that there are more', async () => {
    const many = Array.from({ length: 1_005 }, (_, index) => [`m${index}`, `yak number ${index}`]);
    const reader = await userWith(server, [messages(Object.fromEntries(many))]);
    const { edges, totalCount, totalCountCapped } = await search(reader, 'yak', { first: 100 });
    expect({ hits: edges.length, totalCount, totalCountCapped }).toEqual({
      hits: 100,
      totalCount: 1_000,
      totalCountCapped: true,
    });
  });

  test('refuse a cursor that is none', async () => {
    const { errors } = await user.client.ask(searchDocument, { query: 'zebra', after: 'x' });
    expect(errors).toMatchObject([
      { message: 'This is not a cursor of this list.', extensions: { code: 'INVALID_INPUT' } },
    ]);
  });
});

describe('A hit', () => {
  const around = async (externalId: string, first: number) => {
    const query = externalId === 'n20' ? 'aardvark' : '"first branch"';
    const [hit] = (await search(user, query)).edges;
    const { conversation } = await user.client.request<{
      conversation: { messages: { edges: { node: { externalId: string } }[] } };
    }>(
      `query Around($id: ID!, $around: ID!, $first: Int!) {
        conversation(id: $id) { messages(around: $around, first: $first) { edges { node { externalId } } } }
      }`,
      { id: hit?.node.conversation.id, around: hit?.node.message.id, first },
    );
    return conversation.messages.edges.map((edge) => edge.node.externalId);
  };

  test('leads to its place in its conversation', async () => {
    expect(await around('n20', 5)).toEqual(['n17', 'n18', 'n19', 'n20', 'n21']);
  });

  test('leads into its branch', async () => {
    expect(await around('b1', 10)).toEqual(['bq', 'b1']);
  });
});

test('nobody finds what is somebody else’s', async () => {
  const other = await userWith(server, [dialogue('own')]);
  expect(await foundBy(other, 'zebra')).toEqual([]);
  expect((await search(other, 'okapi')).totalCount).toBe(0);
  expect((await search(other, 'zebar')).didYouMean).toBeNull();
  const [hit] = (await search(user, 'zebra')).edges;
  expect(await foundBy(other, 'zebra', { conversationId: hit?.node.conversation.id })).toEqual([]);
});

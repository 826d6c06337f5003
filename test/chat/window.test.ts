import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTokenCounter } from '../../src/infra/llm/tokens.ts';
import { about, ask, importAll, startChatServer } from '../support/chats.ts';
import type { TestClient } from '../support/client.ts';
import type { ModelServer } from '../support/model-server.ts';
import type { TestServer } from '../support/server.ts';

/** Tokens of the window of the model here. */
const windowTokens = 2_048;
const filler = 'Nothing of note was said about the weather that day, nor on the next one. ';

let server: TestServer;
let model: ModelServer;
let client: TestClient;
let close: () => Promise<void>;
let count: (text: string) => number;

beforeAll(async () => {
  count = await openTokenCounter();
  ({ server, model, close } = await startChatServer({
    env: { CHAT_CONTEXT_TOKENS: String(windowTokens) },
  }));
  ({ client } = await server.asUser());
  const long = (id: number) =>
    `${filler.repeat(200)} The astrolabe ${id} lies in drawer ${id}. ${filler.repeat(200)}`;
  await importAll(
    server,
    client,
    Array.from({ length: 8 }, (_, id) =>
      about(`long-${id}`, `Where is the astrolabe? ${filler.repeat(50)}`, long(id)),
    ),
  );
});
afterAll(() => close());

const promptTokens = () =>
  model.asked.at(-1)?.body.messages.reduce((sum, { content }) => sum + count(content), 0) ?? 0;

test('excerpts are cut so that prompt and answer fit into the window, around what was found', async () => {
  const turn = await ask(client, { query: 'astrolabe drawer', k: 4 });
  expect(turn.context).toHaveLength(4);
  for (const { quote, message } of turn.context) {
    expect(quote).toContain('astrolabe');
    expect(message?.text).toContain(quote);
    expect(quote.length).toBeLessThan(message?.text.length ?? 0);
  }
  expect(promptTokens()).toBeLessThan(windowTokens * 0.7);
  // Nor is the room wasted.
  expect(promptTokens()).toBeGreaterThan(windowTokens * 0.4);
  expect(model.asked.at(-1)?.body.messages.at(-1)?.content).toContain('…');
});

test('an excerpt is where most of the words stand together, and not where one of them stands first', async () => {
  const { client: reader } = await server.asUser();
  const answer = 'The sextant of the second mate lies in the chart room.';
  await importAll(server, reader, [
    about('log', 'Read this', `A mate has a sextant. ${filler.repeat(200)} ${answer} ${filler.repeat(50)}`),
  ]);
  const turn = await ask(reader, { query: 'In which room lies the sextant of the second mate?', k: 1 });
  expect(turn.context[0]?.quote).toContain(answer);
});

test('what would say too little is left out, and not cited', async () => {
  const turn = await ask(client, { query: 'astrolabe drawer', k: 20 });
  expect(promptTokens()).toBeLessThan(windowTokens * 0.7);
  expect(turn.context.length).toBeGreaterThan(0);
  const prompt = model.asked.at(-1)?.body.messages.at(-1)?.content ?? '';
  expect([...prompt.matchAll(/<excerpt number="(\d+)"/g)].map(([, number]) => Number(number))).toEqual(
    turn.context.map(({ number }) => number),
  );
});

test('of earlier turns the newest ones that fit are kept', async () => {
  let sessionId: string | undefined;
  for (let turn = 0; turn < 4; turn += 1) {
    model.next((answer) => {
      answer.say(`Answer ${turn}. `, filler.repeat(12));
      answer.finish();
    });
    const input = {
      query: `Question ${turn}: where is astrolabe ${turn}?`,
      ...(sessionId ? { sessionId } : {}),
    };
    sessionId = (await ask(client, input)).session.id;
  }
  await ask(client, { query: 'Which astrolabe drawer was that?', ...(sessionId ? { sessionId } : {}) });
  const earlier = model.asked.at(-1)?.body.messages.slice(1, -1) ?? [];
  expect(earlier.map(({ role }) => role)).toEqual(['user', 'assistant']);
  expect(earlier[0]?.content).toContain('Question 3');
  expect(promptTokens()).toBeLessThan(windowTokens * 0.7);
});

test('a question that alone is too long for the model is refused, and nothing is kept', async () => {
  const answer = await ask(client, { query: '鳳凰龍麟'.repeat(1_000) });
  expect(answer).toMatchObject({ __typename: 'InvalidInput', fieldErrors: [{ path: ['query'] }] });
  const { database } = server.services;
  expect(await database.query(`SELECT FROM chat_turns WHERE query LIKE '鳳凰%'`)).toEqual([]);
});

test('a control token in a text counts as the text that it is', () => {
  expect(count('<|endoftext|>')).toBeGreaterThan(1);
  expect(count('x'.repeat(2_000))).toBeGreaterThan(100);
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  about,
  ask,
  type ChatEventAnswer,
  importAll,
  readTurn,
  startChatServer,
  streamChat,
} from '../support/chats.ts';
import type { TestClient, Transport } from '../support/client.ts';
import { dated, muchOfLate } from '../support/dated.ts';
import type { ModelServer } from '../support/model-server.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let model: ModelServer;
let client: TestClient;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ server, model, close } = await startChatServer());
  ({ client } = await server.asUser());
  await importAll(server, client, [
    about('kite', 'Which kite flies highest?', 'The zephyrine kite, with a tail of nine metres.', 'On kites'),
    about('soup', 'How long does the soup boil?', 'Forty minutes, with the marrowfat peas.', 'On soup'),
  ]);
});
afterAll(() => close());

/** The last message of the newest question to the model. */
const lastPrompt = () => model.asked.at(-1)?.body.messages.at(-1)?.content ?? '';

describe('An answer', () => {
  test('comes with the messages behind it, each of which can be read', async () => {
    model.next((answer) => {
      answer.say('The zephyrine', ' kite [1].');
      answer.finish();
    });
    const turn = await ask(client, { query: 'What do I know of the zephyrine kite?' });
    expect(turn).toMatchObject({
      __typename: 'ChatTurn',
      query: 'What do I know of the zephyrine kite?',
      response: 'The zephyrine kite [1].',
      status: 'ANSWERED',
      error: null,
      model: 'test-model',
      suggestions: ['What came of it?', 'Who else was there?'],
      session: { title: 'What do I know of the zephyrine kite?' },
    });
    expect(turn.context.map(({ number }) => number)).toEqual(turn.context.map((_, index) => index + 1));
    expect(turn.context[0]).toMatchObject({
      number: 1,
      isCited: true,
      quote: 'The zephyrine kite, with a tail of nine metres.',
      message: { text: 'The zephyrine kite, with a tail of nine metres.' },
      conversation: { title: 'On kites' },
    });
    expect(turn.context.slice(1).map(({ isCited }) => isCited)).not.toContain(true);
    expect(await readTurn(client, turn.id)).toMatchObject({ response: turn.response, context: turn.context });
  });

  test('is asked for with excerpts, what was said around them, and nothing that could act', async () => {
    await ask(client, { query: 'marrowfat', k: 1 });
    const { body, headers } = model.asked.at(-1) ?? {};
    expect(Object.keys(body ?? {}).toSorted()).toEqual(['messages', 'model', 'stream']);
    expect(headers?.authorization).toMatch(/^Bearer /);
    expect(body?.messages.map(({ role }) => role)).toEqual(['system', 'user']);
    expect(lastPrompt()).toContain('<excerpt number="1" conversation="On soup"');
    expect(lastPrompt()).toContain('<before role="user">How long does the soup boil?</before>');
    expect(lastPrompt()).toContain(
      '<message role="assistant">Forty minutes, with the marrowfat peas.</message>',
    );
    expect(lastPrompt()).toMatch(/Question: marrowfat$/);
    expect(lastPrompt()).not.toContain('zephyrine');
  });

  test('comes from long ago when little but common words was said of late', async () => {
    const reader = await server.asUser();
    await importAll(server, reader.client, [
      muchOfLate('late', 'Give me the name of another colour'),
      dated('old', 'Instruments', [
        { role: 'user', at: '2020-01-01T12:00:00Z', text: 'The glockenspiel stands in the attic.' },
      ]),
    ]);
    const turn = await ask(reader.client, { query: 'What name did I give the glockenspiel?', k: 1 });
    expect(turn.context).toMatchObject([{ quote: 'The glockenspiel stands in the attic.' }]);
  });

  test('comes from what holds the rare word of the question, whatever its letters', async () => {
    const reader = await server.asUser();
    const rare = ['Fußball', 'Łosoś', 'Smørrebrød'];
    await importAll(server, reader.client, [
      ...[1, 2, 3, 4, 5].map((n) => about(`common ${n}`, 'What?', 'Garage, garage.', 'Garage')),
      ...rare.map((word) =>
        about(word, 'Notes', `${'Something else was said. '.repeat(20)} ${word}.`, 'Notes'),
      ),
    ]);
    for (const word of rare) {
      const { context } = await ask(reader.client, { query: `Garage ${word}`, k: 1 });
      expect(context).toMatchObject([{ quote: expect.stringContaining(word) }]);
    }
  });

  test('says that nothing matches when nothing does', async () => {
    const turn = await ask(client, { query: 'unfindable xylophonist' });
    expect(turn).toMatchObject({ status: 'ANSWERED', context: [] });
    expect(lastPrompt()).toContain('Nothing in the archive matches.');
  });

  test('on a follow-up knows the turn before, and finds what that was about', async () => {
    const first = await ask(client, { query: 'Tell me of the zephyrine kite' });
    const second = await ask(client, { query: 'And how long is it?', sessionId: first.session.id });
    expect(second).toMatchObject({ status: 'ANSWERED', session: first.session });
    expect(second.context[0]).toMatchObject({ conversation: { title: 'On kites' } });
    const messages = model.asked.at(-1)?.body.messages.map(({ role, content }) => `${role}: ${content}`);
    expect(messages?.slice(1, 3)).toEqual(['user: Tell me of the zephyrine kite', 'assistant: Fine.']);
    expect(lastPrompt()).toContain('nine metres');
  });

  test('cites nothing that is not among the messages behind it', async () => {
    const pieces = [
      ['Fine [9] and [1].'],
      ['Fine ', '[', '9', ']', ' and', ' [1', '].'],
      ['Fine [9][1], [1, 9], and [9,12][', '77]. `a[9]` [9](https://a.example) in [1999]'],
      ['a\n``', '`\nb [9]\n```\n[9] c ` [9]\nd [9', ''],
    ];
    const answers = [
      'Fine and [1].',
      'Fine and [1].',
      'Fine [1], [1], and. `a[9]` [9](https://a.example) in [1999]',
      'a\n```\nb [9]\n```\n c ` [9]\nd [9',
    ];
    for (const [index, said] of pieces.entries()) {
      model.next((answer) => {
        answer.say(...said);
        answer.finish();
      });
      const turn = await ask(client, { query: 'zephyrine', k: 1 });
      expect(turn).toMatchObject({ response: answers[index], context: [{ number: 1 }] });
      expect(await readTurn(client, turn.id)).toMatchObject({ response: answers[index] });
    }
  });

  test('that the model broke off at its limit is kept, and says so', async () => {
    model.next((answer) => {
      answer.say('A long stor');
      answer.finish('length');
    });
    expect(await ask(client, { query: 'kite' })).toMatchObject({
      status: 'ANSWERED',
      response: 'A long stor',
      error: { code: 'CUT_SHORT' },
    });
  });
});

describe.each<Transport>(['sse', 'websocket'])('Over %s', (transport) => {
  test('an answer comes as context, start, tokens, suggestions and end', async () => {
    const events: ChatEventAnswer[] = [];
    for await (const event of streamChat(client, transport, { query: 'zephyrine kite' })) events.push(event);
    expect(events.map((event) => event.__typename)).toEqual([
      'ChatContext',
      'ChatStarted',
      'ChatToken',
      'ChatToken',
      'ChatSuggestions',
      'ChatDone',
    ]);
    expect(events[0]?.context?.[0]).toMatchObject({
      number: 1,
      isCited: null,
      conversation: { title: 'On kites' },
    });
    expect(events[1]?.turn).toMatchObject({ status: 'ANSWERING', response: '' });
    expect(events[2]?.text).toBe('Fine');
    expect(events[4]?.suggestions).toEqual(['What came of it?', 'Who else was there?']);
    const { turn } = events[5] ?? {};
    expect(turn).toMatchObject({
      status: 'ANSWERED',
      response: 'Fine [1].',
      context: [{ isCited: true }, {}],
    });
    expect(await readTurn(client, turn?.id ?? '')).toMatchObject({
      status: 'ANSWERED',
      response: 'Fine [1].',
    });
  });
});

test('a question that is none is refused with what is wrong', async () => {
  for (const [input, path] of [
    [{ query: '  ' }, 'query'],
    [{}, 'query'],
    [{ query: 'x'.repeat(4_001) }, 'query'],
    [{ query: 'nul\0' }, 'query'],
    [{ query: 'kite', k: 21 }, 'k'],
    [{ query: 'kite', retryTurnId: 'x' }, 'query'],
  ] as const) {
    expect(await ask(client, input)).toMatchObject({
      __typename: 'InvalidInput',
      fieldErrors: [{ path: [path], message: expect.any(String) }],
    });
  }
  const unknown = await ask(client, { query: 'kite', sessionId: 'nonsense' });
  expect(unknown).toMatchObject({ __typename: 'NotFound', message: 'No such chat session.' });
});

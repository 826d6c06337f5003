import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, startChatServer } from '../support/chats.ts';
import type { TestClient } from '../support/client.ts';
import type { ModelServer, Script } from '../support/model-server.ts';

let model: ModelServer;
let client: TestClient;
let close: () => Promise<void>;

beforeAll(async () => {
  const started = await startChatServer({ env: { CHAT_NEXT_TOKEN_SECONDS: '1' } });
  ({ model, close } = started);
  ({ client } = await started.server.asUser());
});
afterAll(() => close());

const ended = { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] };

/** Each says "All is well 😀." in a way that some server has. */
const ways: Record<string, Script> = {
  'tells of its filters in choices without a piece of the answer': (answer) => {
    answer.say('All is ');
    answer.chunk({ choices: [{ index: 0, finish_reason: null, content_filter_results: {} }] });
    answer.say('well 😀.');
    answer.finish();
  },
  'sends chunks without a choice': (answer) => {
    answer.chunk({ choices: undefined, prompt_filter_results: [] });
    answer.say('All is well 😀.');
    answer.chunk({ choices: [], usage: { total_tokens: 5 } });
    answer.finish();
  },
  'cuts between the halves of a character': (answer) => {
    answer.say(...'All is well 😀.'.split(''));
    answer.finish();
  },
  'says why it ends and keeps the connection': (answer) => {
    answer.say('All is well 😀.');
    answer.chunk(ended);
  },
  'says why it ends and drops the connection': (answer) => {
    answer.say('All is well 😀.');
    answer.chunk(ended);
    answer.drop();
  },
};

describe.each(Object.keys(ways))('A server that %s', (way) => {
  test('is understood', async () => {
    model.next(ways[way] ?? (() => undefined));
    expect(await ask(client, { query: 'Is all well?' })).toMatchObject({
      status: 'ANSWERED',
      response: 'All is well 😀.',
      error: null,
    });
  });
});

test('an answer in parts is the text among them, and one that ends without a reason is whole', async () => {
  model.next((answer) => {
    answer.sayOddly([{ type: 'thinking', thinking: 'hm' }]);
    answer.sayOddly([
      { type: 'text', text: 'It is ' },
      { type: 'text', text: 'so.' },
    ]);
    answer.end();
  });
  expect(await ask(client, { query: 'Parts?' })).toMatchObject({ status: 'ANSWERED', response: 'It is so.' });
});

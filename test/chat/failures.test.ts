import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, readTurn, startChatServer, streamChat, type TurnAnswer } from '../support/chats.ts';
import { createTestClient, type TestClient } from '../support/client.ts';
import type { ModelServer, Script } from '../support/model-server.ts';
import type { TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

let server: TestServer;
let model: ModelServer;
let client: TestClient;
let apiKey: string;
let close: () => Promise<void>;

/** For so long the model may say nothing. */
const silenceMs = 1_000;

beforeAll(async () => {
  ({ server, model, close } = await startChatServer({
    env: {
      CHAT_FIRST_TOKEN_SECONDS: String(silenceMs / 1_000),
      CHAT_NEXT_TOKEN_SECONDS: String(silenceMs / 1_000),
    },
  }));
  ({ client, apiKey } = await server.asUser());
});
afterAll(() => close());

interface Failure {
  script: Script;
  reason: string;
  response: string;
  retryAfter?: number;
  /** Whether we end the request, rather than the model. */
  isTakenBack?: boolean;
}

const failures: Record<string, Failure> = {
  'has too many requests': {
    script: (answer) => answer.refuse(429, { 'retry-after': '30' }),
    reason: 'RATE_LIMITED',
    response: '',
    retryAfter: 30,
  },
  'fails within': { script: (answer) => answer.refuse(500), reason: 'REFUSED', response: '' },
  'is not known': { script: (answer) => answer.refuse(404), reason: 'REFUSED', response: '' },
  'hangs up at once': { script: (answer) => answer.drop(), reason: 'UNREACHABLE', response: '' },
  'never begins': { script: () => undefined, reason: 'TIMED_OUT', response: '' },
  'stops in the middle': {
    script: (answer) => answer.say('Once upon'),
    reason: 'TIMED_OUT',
    response: 'Once upon',
  },
  'drops the connection in the middle': {
    script(answer) {
      answer.say('Once upon', ' a time');
      answer.drop();
    },
    reason: 'BROKEN_OFF',
    response: 'Once upon a time',
  },
  'says what is no text': {
    script(answer) {
      answer.say('Once');
      answer.sayOddly({ text: 'upon' });
    },
    reason: 'BROKEN_OFF',
    response: 'Once',
  },
  'hangs up without an end': {
    script(answer) {
      answer.say('Once [1');
      answer.hangUp();
    },
    reason: 'BROKEN_OFF',
    response: 'Once [1',
    isTakenBack: false,
  },
  'sends an event without measure': {
    script(answer) {
      answer.say('Once');
      answer.chunk({ choices: [], padding: ' '.repeat(3_000_000) });
    },
    reason: 'BROKEN_OFF',
    response: 'Once',
  },
  'says nothing but blanks': {
    script(answer) {
      answer.say(' ', '\n');
      answer.finish();
    },
    reason: 'REFUSED',
    response: ' \n',
  },
  'says nothing at all': { script: (answer) => answer.finish(), reason: 'REFUSED', response: '' },
};

describe.each(Object.keys(failures))('When the model %s', (name) => {
  const { script, reason, response, retryAfter = null, isTakenBack } = failures[name] ?? { reason: '' };

  test('the error says so, and the turn is kept with what had arrived, to be asked again', async () => {
    model.next(script ?? (() => undefined));
    const failed = await ask(client, { query: `What if it ${name}?` });
    expect(failed).toMatchObject({ __typename: 'ChatUnavailable', reason, retryAfter });
    expect(failed.turn).toMatchObject({
      status: 'FAILED',
      response,
      query: `What if it ${name}?`,
      error: { code: reason, message: failed.message },
    });
    const turnId = failed.turn?.id ?? '';
    expect(await readTurn(client, turnId)).toMatchObject({ status: 'FAILED', response });
    expect(model.asked.at(-1)?.aborted).toBe(
      isTakenBack ?? ['TIMED_OUT', 'BROKEN_OFF', 'UNREACHABLE'].includes(reason),
    );

    const again = await ask(client, { retryTurnId: turnId });
    expect(again).toMatchObject({
      id: turnId,
      status: 'ANSWERED',
      response: 'Fine.',
      error: null,
      session: failed.turn?.session,
    });
    expect(await ask(client, { retryTurnId: turnId })).toMatchObject({
      __typename: 'InvalidInput',
      fieldErrors: [{ path: ['retryTurnId'] }],
    });
  });
});

test('a model that thinks for long before it speaks is waited for as long as it thinks', async () => {
  model.next(async (answer) => {
    const begunAtMs = performance.now();
    await until('it has thought for longer than it may be silent', () => {
      answer.think('hm');
      return performance.now() - begunAtMs > 1.5 * silenceMs;
    });
    answer.say('Yes.');
    answer.finish();
  });
  expect(await ask(client, { query: 'Deep?' })).toMatchObject({ status: 'ANSWERED', response: 'Yes.' });
});

test('over a subscription a failure comes last, with the turn', async () => {
  model.next((answer) => {
    answer.say('Once');
    answer.drop();
  });
  const types: string[] = [];
  for await (const event of streamChat(client, 'sse', { query: 'And then?' })) {
    types.push(event.__typename);
    if (event.__typename !== 'ChatFailed') continue;
    expect(event).toMatchObject({ reason: 'BROKEN_OFF', message: expect.any(String), retryAfter: null });
    expect(event.turn).toMatchObject({ status: 'FAILED', response: 'Once' });
  }
  expect(types).toEqual(['ChatContext', 'ChatStarted', 'ChatToken', 'ChatFailed']);
});

test('a model that is down is unreachable, and the health check says so', async () => {
  const own = await startChatServer();
  await own.model.close();
  const failed = await ask(own.server.client, { query: 'Anybody there?' });
  expect(failed).toMatchObject({ __typename: 'ChatUnavailable', reason: 'UNREACHABLE' });
  const health = await own.server.client.rest('GET', '/healthz/chat');
  expect(health).toMatchObject({
    status: 200,
    json: { ok: true, chat_available: false, error: failed.message },
  });
  await own.server.close();
});

test('a server that stops still writes how its turns ended', async () => {
  const own = await startChatServer();
  own.model.next((answer) => answer.say('Once'));
  const events = streamChat(own.server.client, 'websocket', { query: 'To be continued?' });
  for await (const event of events) if (event.__typename === 'ChatToken') break;
  own.model.next((answer) => answer.say('Once'));
  const response = await fetch(`${own.server.url}/chat/stream`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': own.server.apiKey },
    body: JSON.stringify({ query: 'And this?' }),
  });
  await until('it is asked', () => own.model.asked.length === 2);
  await Promise.all([response.text().catch(() => undefined), own.close()]);
  expect(own.model.asked.map(({ aborted }) => aborted)).toEqual([true, true]);
  expect(own.server.logged()).not.toContain('could not be written');
});

test('a turn whose server died has failed a while later, and can be asked again', async () => {
  const turn = await ask(client, { query: 'Who was it?' });
  const { database } = server.services;
  const interrupt = (askedAgo: string) =>
    database.query(
      `UPDATE chat_turns SET status = 'ANSWERING', response = '', created_at = now() - $1::interval
      WHERE query = 'Who was it?'`,
      [askedAgo],
    );
  await interrupt('5 minutes');
  expect(await readTurn(client, turn.id)).toMatchObject({ status: 'ANSWERING', error: null });
  expect(await ask(client, { retryTurnId: turn.id })).toMatchObject({ __typename: 'InvalidInput' });
  await interrupt('12 minutes');
  expect(await readTurn(client, turn.id)).toMatchObject({
    status: 'FAILED',
    error: { code: 'SERVER_STOPPED' },
  });
  expect(await ask(client, { retryTurnId: turn.id })).toMatchObject({ id: turn.id, status: 'ANSWERED' });
});

describe('A client that leaves', () => {
  /** A question that the model has begun to answer and does not end. */
  const begun: Script = (answer) => answer.say('Once upon');

  /** Answers what is kept of the answer. */
  async function expectTakenBack(query: string): Promise<string> {
    await until('the model is left alone', () => model.asked.at(-1)?.aborted);
    const turn = await until('the turn is kept', async () => {
      const { chatSessions } = await client.request<{
        chatSessions: { edges: { node: { turns: { edges: { node: TurnAnswer }[] } } }[] };
      }>(
        `{ chatSessions(first: 1) { edges { node { turns { edges { node {
             query status response error { code }
           } } } } } } }`,
      );
      const last = chatSessions.edges[0]?.node.turns.edges.at(-1)?.node;
      return last?.query === query && last.status !== 'ANSWERING' ? last : null;
    });
    expect(turn).toMatchObject({ status: 'FAILED', error: { code: 'CLIENT_LEFT' } });
    return turn.response;
  }

  test.each(['sse', 'websocket'] as const)(
    'over %s takes the request to the model back',
    async (transport) => {
      model.next(begun);
      const events = streamChat(client, transport, { query: `Left ${transport}` });
      for await (const event of events) if (event.__typename === 'ChatToken') break;
      expect(await expectTakenBack(`Left ${transport}`)).toBe('Once upon');
    },
  );

  test('with its socket takes the request of a mutation to the model back', async () => {
    model.next(begun);
    const query = 'Left with its socket';
    const leaving = createTestClient(server.url, apiKey);
    const asked = model.asked.length;
    const answer = leaving
      .subscribe('websocket', `mutation { sendChatMessage(input: { query: "${query}" }) { __typename } }`)
      .next()
      .catch(() => undefined);
    await until('the model is asked', () => model.asked.length > asked);
    await leaving.close();
    await expectTakenBack(query);
    await answer;
    expect(server.logged()).not.toContain('failed unexpectedly');
  });

  test.each(['/chat', '/chat/stream', '/graphql'])(
    'of %s takes the request to the model back',
    async (path) => {
      model.next(begun);
      const leaving = new AbortController();
      const query = `Left ${path}`;
      const body =
        path === '/graphql'
          ? { query: `mutation { sendChatMessage(input: { query: "${query}" }) { __typename } }` }
          : { query };
      const asked = model.asked.length;
      const request = fetch(`${server.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': apiKey },
        body: JSON.stringify(body),
        signal: leaving.signal,
      });
      const seen = request.then((response) => response.text()).catch((error) => error.name);
      await until('the model is asked', () => model.asked.length > asked);
      await until('it is being answered', async () => {
        const rows = await server.services.database.query(
          `SELECT FROM chat_turns WHERE query = $1 AND status = 'ANSWERING'`,
          [query],
        );
        return rows.length === 1;
      });
      leaving.abort();
      expect(await seen).toBe('AbortError');
      await expectTakenBack(query);
      expect(server.logged()).not.toContain('failed unexpectedly');
    },
  );
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { about, importAll, startChatServer } from '../support/chats.ts';
import type { TestClient } from '../support/client.ts';
import { type ModelServer, modelKey } from '../support/model-server.ts';
import type { TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

let server: TestServer;
let model: ModelServer;
let client: TestClient;
let apiKey: string;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ server, model, close } = await startChatServer());
  ({ client, apiKey } = await server.asUser());
  const peas =
    'Boil the marrowfat peas for forty minutes. Salt the marrowfat peas late. Serve them with mint.';
  await importAll(server, client, [about('soup', 'How long does the soup boil?', peas, 'On soup')]);
});
afterAll(() => close());

interface ChatJson {
  session_id: string;
  context: { chunk_id: string; doc_id: string; start_char: number; end_char: number; text: string }[];
}

async function documentId(): Promise<string> {
  const found = await client.request<{ conversations: { edges: { node: { id: string } }[] } }>(
    '{ conversations { edges { node { id } } } }',
  );
  return found.conversations.edges[0]?.node.id ?? '';
}

/** What stands in each `data:` of an answer of server-sent events. */
const eventsIn = (text: string) =>
  [...text.matchAll(/^data: (.*)$/gm)].map(
    ([, data = '']) => JSON.parse(data) as { type: string; data: unknown },
  );

describe('POST /chat', () => {
  test('answers with the excerpts by the names of the contract', async () => {
    const { status, json } = await client.rest('POST', '/chat', {
      query: 'marrowfat',
      k: 1,
      search_mode: 'keyword',
    });
    expect(status).toBe(200);
    expect(json).toEqual({
      session_id: expect.any(String),
      response: 'Fine [1].',
      query: 'marrowfat',
      suggestions: ['What came of it?', 'Who else was there?'],
      context: [
        {
          rank: 1,
          score: expect.any(Number),
          source: 'On soup',
          preview: expect.stringContaining('marrowfat'),
          text: expect.stringContaining('marrowfat'),
          doc_id: await documentId(),
          chunk_id: expect.any(String),
          start_char: 0,
          end_char: expect.any(Number),
          context_json: {
            context: [
              {
                doc: await documentId(),
                loc: { doc_id: await documentId(), chunk_id: expect.any(String), start: 0, end: 28 },
                quote: 'How long does the soup boil?',
              },
            ],
          },
        },
      ],
    });
    const [cited] = (json as ChatJson).context;
    const { node } = await client.request<{ node: { text: string } }>(
      'query M($id: ID!) { node(id: $id) { ... on Message { text } } }',
      { id: cited?.chunk_id },
    );
    expect(node.text.slice(cited?.start_char, cited?.end_char)).toBe(cited?.text);
  });

  test('refuses what it cannot use by the names of its fields', async () => {
    for (const [body, field] of [
      [{}, 'query'],
      [{ query: 'x', k: 0 }, 'k'],
      [{ query: 'x', session_id: 7 }, 'session_id'],
      [{ query: 'x', search_mode: 'psychic' }, 'search_mode'],
    ] as const) {
      const { status, json } = await client.rest('POST', '/chat', body);
      expect(status, field).toBe(422);
      expect(json).toMatchObject({ detail: [{ loc: ['body', field] }] });
    }
    const semantic = await client.rest('POST', '/chat', { query: 'x', search_mode: 'SEMANTIC' });
    expect(semantic).toMatchObject({
      status: 503,
      json: { detail: expect.stringContaining('EMBEDDINGS_MODEL') },
    });
    const unknown = await client.rest('POST', '/chat', { query: 'x', session_id: 'nonsense' });
    expect(unknown).toMatchObject({ status: 404, json: { detail: 'No such chat session.' } });
  });

  test('answers 503 when the model fails, with the turn that is kept', async () => {
    model.next((answer) => answer.refuse(429, { 'retry-after': '7' }));
    const failed = await client.rest('POST', '/chat', { query: 'marrowfat' });
    expect(failed.status).toBe(503);
    expect(failed.headers.get('retry-after')).toBe('7');
    expect(failed.json).toEqual({
      detail: expect.stringContaining('7 s'),
      reason: 'RATE_LIMITED',
      retry_after: 7,
      session_id: expect.any(String),
      turn_id: expect.any(String),
    });
    const { session_id: sessionId, turn_id: turnId } = failed.json as { session_id: string; turn_id: string };
    const again = await client.rest('POST', '/chat', { retry_turn_id: turnId });
    expect(again).toMatchObject({ status: 200, json: { session_id: sessionId, query: 'marrowfat' } });
  });
});

describe('POST /chat/stream', () => {
  test('sends its events in the order of the contract', async () => {
    const { status, headers, text } = await client.rest('POST', '/chat/stream', { query: 'marrowfat' });
    expect(status).toBe(200);
    expect(headers.get('content-type')).toContain('text/event-stream');
    const events = eventsIn(text);
    expect(events.map(({ type }) => type)).toEqual([
      'context',
      'session_id',
      'token',
      'token',
      'suggestions',
      'done',
    ]);
    expect(events[2]?.data).toBe('Fine');
    expect(events[5]?.data).toMatchObject({ session_id: events[1]?.data, response: 'Fine [1].' });
  });

  test('counts among the open subscriptions of its user, until it is left', async () => {
    const own = await startChatServer({ env: { MAX_SUBSCRIPTIONS: '1' } });
    const leaving = new AbortController();
    own.model.next((answer) => answer.say('Once'));
    const open = await fetch(`${own.server.url}/chat/stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': own.server.apiKey },
      body: JSON.stringify({ query: 'What was it?' }),
      signal: leaving.signal,
    });
    expect(open.status).toBe(200);
    const ask = () => own.server.client.rest('POST', '/chat/stream', { query: 'And this?' });
    expect(await ask()).toMatchObject({
      status: 429,
      json: { detail: expect.stringContaining('open subscriptions') },
    });
    leaving.abort();
    await until('there is room again', async () => (await ask()).status === 200);
    await own.close();
  });

  test('ends with an error when the model breaks off', async () => {
    model.next((answer) => {
      answer.say('Half an ans');
      answer.drop();
    });
    const { status, text } = await client.rest('POST', '/chat/stream', { query: 'marrowfat' });
    expect(status).toBe(200);
    const events = eventsIn(text);
    expect(events.map(({ type }) => type)).toEqual(['context', 'session_id', 'token', 'error']);
    expect(events[3]?.data).toMatchObject({ reason: 'BROKEN_OFF', detail: expect.any(String) });
  });

  test('refuses before it begins what can be refused', async () => {
    expect((await client.rest('POST', '/chat/stream', { query: '' })).status).toBe(422);
    expect((await client.rest('POST', '/chat/stream', { query: 'x', session_id: 'x' })).status).toBe(404);
  });
});

describe('A session', () => {
  test('is read, limited to its newest turns, and deleted', async () => {
    const { json } = await client.rest('POST', '/chat', { query: 'marrowfat' });
    const { session_id: sessionId } = json as ChatJson;
    model.next((answer) => {
      answer.say('Ha');
      answer.drop();
    });
    await client.rest('POST', '/chat', { query: 'mint?', session_id: sessionId });
    const history = await client.rest('GET', `/chat/history/${sessionId}`);
    expect(history).toMatchObject({ status: 200 });
    expect(history.json).toEqual({
      session_id: sessionId,
      history: [
        { user: 'marrowfat', assistant: 'Fine [1].', status: 'ANSWERED' },
        { user: 'mint?', assistant: 'Ha', status: 'FAILED' },
      ],
    });
    const newest = await client.rest('GET', `/chat/history/${sessionId}?limit=1`);
    expect(newest.json).toMatchObject({ history: [{ user: 'mint?' }] });
    const wrong = await client.rest('GET', `/chat/history/${sessionId}?limit=none`);
    expect(wrong).toMatchObject({ status: 422, json: { detail: [{ loc: ['query', 'limit'] }] } });

    const deleted = await client.rest('DELETE', `/chat/history/${sessionId}`);
    expect(deleted).toMatchObject({ status: 200, json: { session_id: sessionId } });
    for (const method of ['GET', 'DELETE']) {
      const gone = await client.rest(method, `/chat/history/${sessionId}`);
      expect(gone, method).toMatchObject({ status: 404, json: { detail: 'No such chat session.' } });
    }
  });

  test('is not deleted by a key that may only read', async () => {
    const { json } = await client.rest('POST', '/chat', { query: 'marrowfat' });
    const reader = await server.asUser(new Set(['read']));
    const path = `/chat/history/${(json as ChatJson).session_id}`;
    expect((await reader.client.rest('DELETE', path)).status).toBe(403);
    expect((await client.rest('GET', path)).status).toBe(200);
  });
});

test('a stranger and a stranger’s ids get nowhere', async () => {
  const { json } = await client.rest('POST', '/chat', { query: 'marrowfat' });
  const { session_id: sessionId } = json as ChatJson;
  const other = await server.asUser();
  for (const [method, path, body] of [
    ['POST', '/chat', { query: 'x', session_id: sessionId }],
    ['POST', '/chat/stream', { query: 'x', session_id: sessionId }],
    ['POST', '/suggest', { session_id: sessionId }],
    ['GET', `/chat/history/${sessionId}`, undefined],
    ['DELETE', `/chat/history/${sessionId}`, undefined],
    ['GET', `/summarize/${await documentId()}`, undefined],
  ] as const) {
    expect((await other.client.rest(method, path, body)).status, path).toBe(404);
    const answer = await fetch(`${server.url}${path}`, {
      method,
      headers: body ? { 'content-type': 'application/json' } : {},
      body: body ? JSON.stringify(body) : null,
    });
    expect(answer.status, path).toBe(401);
  }
  expect((await client.rest('GET', `/chat/history/${sessionId}`)).status).toBe(200);
});

test('/healthz/chat tells whether the model’s server answers, and asks it seldom', async () => {
  const before = model.checks;
  for (let probe = 0; probe < 5; probe += 1) {
    const { status, json } = await client.rest('GET', '/healthz/chat');
    expect(status).toBe(200);
    expect(json).toEqual({
      ok: true,
      chat_available: true,
      model_info: { model: 'test-model', context_tokens: 8_192 },
    });
  }
  expect(model.checks - before).toBe(1);
});

test('neither the model’s key nor what it was asked is logged', async () => {
  model.next((answer) => answer.refuse(401));
  const answer = await client.rest('POST', '/chat', { query: 'marrowfat secretive' });
  expect(answer).toMatchObject({ status: 503, json: { detail: expect.stringContaining('CHAT_API_KEY') } });
  for (const secret of [modelKey, 'secretive', 'forty minutes', apiKey]) {
    expect(server.logged()).not.toContain(secret);
    expect(answer.text).not.toContain(secret);
  }
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { about, ask, importAll, streamChat } from '../support/chats.ts';
import type { TestClient } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let client: TestClient;

beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
  ({ client } = await server.asUser());
  const answer = [
    'Zephyrine kites need long tails.',
    'The tails of zephyrine kites are nine metres long.',
    'Rain ruins paper.',
    'Nobody flies zephyrine kites in rain.',
  ].join(' ');
  await importAll(server, client, [about('kite', 'Which kite flies highest?', answer, 'On kites')]);
});
afterAll(() => server.close());

test('every way to ask says how to configure a model', async () => {
  const advice = expect.stringContaining('CHAT_BASE_URL');
  expect(await ask(client, { query: 'kite' })).toMatchObject({
    __typename: 'ChatUnavailable',
    code: 'CHAT_UNAVAILABLE',
    reason: 'NOT_CONFIGURED',
    message: advice,
    turn: null,
  });
  await expect(streamChat(client, 'websocket', { query: 'kite' }).next()).rejects.toThrow('CHAT_BASE_URL');
  for (const path of ['/chat', '/chat/stream']) {
    const { status, json } = await client.rest('POST', path, { query: 'kite' });
    expect(status).toBe(503);
    expect(json).toEqual({ detail: advice, reason: 'NOT_CONFIGURED' });
  }
  const health = await client.rest('GET', '/healthz/chat');
  expect(health).toMatchObject({ status: 200, json: { ok: true, chat_available: false, error: advice } });
  expect((await client.rest('GET', '/readyz')).status).toBe(200);
});

test('analysis, summaries and suggestions are taken from the text, and say so', async () => {
  const analysis = await client.rest('POST', '/analyze', { query: 'zephyrine', text: null });
  expect(analysis).toMatchObject({ status: 200, json: { method: 'extractive' } });
  const { topics, summary } = analysis.json as { topics: string[]; summary: string };
  expect(topics.map((topic) => topic.toLowerCase())).toEqual(
    expect.arrayContaining(['zephyrine', 'kites', 'tails']),
  );
  expect(summary).toContain('Zephyrine kites need long tails.');

  const text = await client.rest('POST', '/analyze', {
    text: 'Bees dance. Bees dance for other bees to see.',
  });
  expect(text).toMatchObject({ status: 200, json: { topics: ['Bees', 'dance'] } });

  const { conversations } = await client.request<{ conversations: { edges: { node: { id: string } }[] } }>(
    '{ conversations { edges { node { id } } } }',
  );
  const id = conversations.edges[0]?.node.id;
  expect((await client.rest('GET', `/summarize/${id}`)).json).toMatchObject({
    doc_id: id,
    method: 'extractive',
    is_whole: true,
    summary: expect.stringContaining('zephyrine kites'),
  });
  for (const nothing of [{}, { query: null, session_id: null }]) {
    expect((await client.rest('POST', '/suggest', nothing)).json).toEqual({
      suggestions: ['What else was said in “On kites”?'],
      method: 'extractive',
    });
  }
});

test('a text of as many characters as are promised is analysed, however its JSON is written', async () => {
  const longest = '\u6f22'.repeat(100_000);
  const escaped = JSON.stringify({ text: longest }).replaceAll('\u6f22', '\\u6f22');
  for (const [body, status] of [
    [escaped, 200],
    [JSON.stringify({ text: `${longest}.` }), 422],
  ] as const) {
    const response = await fetch(`${server.url}/analyze`, {
      method: 'POST',
      headers: { 'x-api-key': server.apiKey, 'content-type': 'application/json' },
      body,
    });
    expect(response.status, (await response.text()).slice(0, 200)).toBe(status);
  }
});

test('an analysis of neither text nor query, or of both, is refused', async () => {
  for (const body of [{}, { text: null, query: null }, { text: 'x', query: 'x' }]) {
    expect((await client.rest('POST', '/analyze', body)).status).toBe(422);
  }
});

import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { startSync } from '../support/syncs.ts';
import { until } from '../support/until.ts';

const MAX = 3;
const activity = 'subscription { syncActivity { id } }';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({
    backend: 'postgres',
    worker: false,
    env: { MAX_SUBSCRIPTIONS: String(MAX) },
  });
});
afterAll(() => server.close());

/** Opens a stream of server-sent events; `abort` leaves it. */
async function open(apiKey: string, query = activity) {
  const leaving = new AbortController();
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'x-api-key': apiKey, accept: 'text/event-stream', 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
    signal: leaving.signal,
  });
  return { status: response.status, response, leave: () => leaving.abort() };
}

describe('The open subscriptions of a user', () => {
  test('are bounded, those over WebSockets and those over SSE together, and free again when a client leaves', async () => {
    const { apiKey, client } = await server.asUser();
    const overSocket = client.subscribe('websocket', 'subscription { syncActivity { id } }');
    const waiting = overSocket.next();
    const first = await open(apiKey);
    await until('all that are allowed are open', async () => {
      const next = await open(apiKey);
      if (next.status === 200) next.leave();
      return next.status === 200;
    });
    const streams = [first];
    await until('there is no room', async () => {
      const next = await open(apiKey);
      if (next.status === 429) return true;
      streams.push(next);
      return false;
    });
    expect(streams).toHaveLength(MAX - 1);
    const refused = await open(apiKey);
    expect(refused.status).toBe(429);
    expect(refused.response.headers.get('retry-after')).toBe('10');
    const told = await refused.response.text();
    expect(told).toContain('open subscriptions');
    expect(told).toContain('"retryAfter":10');
    const chat = await client.rest('POST', '/chat/stream', { query: 'What of it?' });
    expect(chat).toMatchObject({ status: 429, json: { detail: expect.stringContaining('open') } });
    expect(chat.headers.get('retry-after')).toBe('10');

    // Somebody else has room of their own.
    const other = await server.asUser();
    const theirs = await open(other.apiKey);
    expect(theirs.status).toBe(200);
    theirs.leave();

    for (const stream of streams) stream.leave();
    await until('there is room again', async () => {
      const again = await open(apiKey);
      again.leave();
      return again.status === 200;
    });
    await client.close();
    await waiting.catch(() => undefined);
  });

  test('are not spent by those that are refused', async () => {
    const { apiKey } = await server.asUser();
    for (let count = 0; count < MAX + 2; count += 1) {
      const refused = await open(apiKey, 'subscription { syncStatus(taskId: "x") { id } }');
      expect(await refused.response.text()).toContain('NOT_FOUND');
    }
    const stream = await open(apiKey);
    expect(stream.status).toBe(200);
    stream.leave();
  });
});

test('A client that reads nothing is owed the newest state, not every state', async () => {
  const { apiKey, client, viewer } = await server.asUser();
  const { id } = await startSync(client, server.exports.serve(await exportOf([dialogue('slow')])).url);
  const { database, events } = server.services;
  const [task] = await database.query<{ id: string }>('SELECT id FROM sync_tasks WHERE user_id = $1', [
    viewer.userId,
  ]);
  const taskId = task?.id ?? '';
  // Larger than what the kernel holds between two ends of a connection.
  const text = 'x'.repeat(1_000_000);
  const change = async () => {
    const [row] = await database.query<{ seq: number }>(
      `UPDATE sync_tasks SET seq = seq + 1, error_code = 'X', error_message = $2 WHERE id = $1 RETURNING seq`,
      [taskId, text],
    );
    await events.publish('syncTask', viewer.userId, { taskId, seq: row?.seq ?? 0 });
    return row?.seq ?? 0;
  };

  const query = `subscription { syncStatus(taskId: "${id}") { seq error { message } } }`;
  let received = '';
  const sent = request(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'x-api-key': apiKey, accept: 'text/event-stream', 'content-type': 'application/json' },
  });
  sent.on('error', () => undefined);
  const response = await new Promise<NodeJS.ReadableStream>((resolve) => {
    sent.on('response', resolve);
    sent.end(JSON.stringify({ query }));
  });
  response.setEncoding('utf8');
  // It is never read before all has happened.
  let last = 0;
  for (let count = 0; count < 40; count += 1) last = await change();
  response.on('data', (chunk: string) => {
    received = (received + chunk).replaceAll(/x{1000,}/g, '');
  });
  await until('the newest state has come', () => received.includes(`"seq":${last},`));
  const states = received.match(/"seq":\d+/g) ?? [];
  expect(states.length).toBeLessThan(25);
  sent.destroy();
});

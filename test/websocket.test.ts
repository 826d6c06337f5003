import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from './support/server.ts';
import { until } from './support/until.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

test('a request that offers another protocol beside its own is answered all the same', async () => {
  const offer = {
    connection: 'Upgrade, HTTP2-Settings',
    upgrade: 'h2c',
    'http2-settings': 'AAMAAABkAAQAAP__',
  };
  const statusOf = async (method: string, path: string, body = '') => {
    const headers = { ...offer, 'x-api-key': server.apiKey, 'content-type': 'application/json' };
    const sent = request(new URL(path, server.url), { method, headers }).end(body);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.resume();
    return answer.statusCode;
  };
  expect(await statusOf('GET', '/sync/config')).toBe(200);
  expect(await statusOf('POST', '/graphql', '{"query":"{ viewer { id } }"}')).toBe(200);
});

test('an operation over WebSocket that is no GraphQL fails alone, its socket stays', async () => {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  const received: { type: string; id?: string; payload?: unknown }[] = [];
  const closed: number[] = [];
  socket.onmessage = ({ data }) => received.push(JSON.parse(String(data)));
  socket.onclose = ({ code }) => closed.push(code);
  type Message = { type: string; id?: string; payload?: object };
  const answerTo = async (message: Message, type: string, text = JSON.stringify(message)) => {
    socket.send(text);
    const isAnswer = (each: { type: string; id?: string }) => each.type === type && each.id === message.id;
    await until(`${type} or the end came`, () => received.some(isAnswer) || closed.length > 0);
    expect(closed).toEqual([]);
    return received.find(isAnswer)?.payload;
  };
  await until('the socket is open', () => socket.readyState === WebSocket.OPEN);
  await answerTo({ type: 'connection_init', payload: { 'X-API-Key': server.apiKey } }, 'connection_ack');

  const broken = { type: 'subscribe', id: 'broken', payload: { query: 'subscription {' } };
  expect(await answerTo(broken, 'error')).toMatchObject([
    { message: expect.stringContaining('Syntax Error') },
  ]);
  const fine = { type: 'subscribe', id: 'fine', payload: { query: '{ viewer { displayName } }' } };
  expect(await answerTo(fine, 'next')).toEqual({ data: { viewer: { displayName: 'Owner' } } });

  const brackets = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
  const nested = `"id":"nested","payload":{"query":"{ viewer { id } }","variables":{"deep":${brackets}}}`;
  expect(
    await answerTo({ type: 'subscribe', id: 'nested' }, 'next', `{"type":"subscribe",${nested}}`),
  ).toMatchObject({ errors: [{ extensions: { code: 'OPERATION_TOO_LARGE' } }] });
  expect(await answerTo({ ...fine, id: 'still fine' }, 'next')).toHaveProperty('data.viewer');

  // What the client calls its operation must not stand in the log in place of a request id.
  await server.services.database.query('DROP TABLE sync_configs CASCADE');
  const failing = { type: 'subscribe', id: 'forged-id', payload: { query: '{ syncConfig { enabled } }' } };
  expect(await answerTo(failing, 'next')).toMatchObject({
    errors: [{ extensions: { code: 'INTERNAL', requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) } }],
  });
  expect(server.logged()).not.toContain('forged-id');
  socket.close();
});

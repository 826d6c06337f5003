import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { startSync } from '../support/syncs.ts';
import { until } from '../support/until.ts';

/** Of one address, in one process. */
const MAX_IDLE = 1_000;
const AT_ONCE = 50;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres', worker: false, env: { TRUST_PROXY: '1' } });
});
afterAll(() => server.close());

/** A socket of somebody who says hello and asks for nothing. */
async function openIdle(address: string): Promise<WebSocket> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
    headers: { 'x-forwarded-for': address },
  });
  await once(socket, 'open');
  socket.send('{"type":"connection_init"}');
  await once(socket, 'message');
  return socket;
}

async function openMany(count: number, address: string): Promise<WebSocket[]> {
  const sockets: WebSocket[] = [];
  while (sockets.length < count) {
    const some = Math.min(AT_ONCE, count - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: some }, () => openIdle(address)))));
  }
  return sockets;
}

const codeOf = async (socket: WebSocket) => {
  const [code] = (await once(socket, 'close')) as [number];
  return code;
};

test('Sockets on which nothing is asked are bounded by address, and hold up nobody who asks', async () => {
  const { apiKey, client } = await server.asUser();
  const subscribe = { id: 'activity', payload: { query: 'subscription { syncActivity { status } }' } };
  const asking = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
    headers: { 'x-api-key': apiKey, 'x-forwarded-for': '203.0.113.1' },
  });
  const heard: string[] = [];
  asking.on('message', (data) => heard.push(String(data)));
  await once(asking, 'open');
  asking.send('{"type":"connection_init"}');
  await once(asking, 'message');
  asking.send(JSON.stringify({ type: 'subscribe', ...subscribe }));

  const oldest = await openIdle('203.0.113.1');
  const closed = codeOf(oldest);
  const elsewhere = await openIdle('203.0.113.2');
  const others = await openMany(MAX_IDLE - 1, '203.0.113.1');
  expect(oldest.readyState).toBe(WebSocket.OPEN);
  const newest = await openIdle('203.0.113.1');
  expect(await closed).toBe(1013);
  for (const socket of [asking, elsewhere, newest, ...others]) expect(socket.readyState).toBe(WebSocket.OPEN);

  await startSync(client, server.exports.serve(await exportOf([dialogue('idle')])).url);
  await until('the subscription tells of it', () => heard.some((message) => message.includes('"QUEUED"')));
  for (const socket of [asking, elsewhere, newest, ...others]) socket.terminate();
});

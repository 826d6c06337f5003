import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { createClient as createSocketClient } from 'graphql-ws';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { dialogue } from './archive/builders.ts';
import { problemsOf } from './support/config.ts';
import { exportOf } from './support/exports.ts';
import { startTestServer } from './support/server.ts';
import { startSync, statusSubscription } from './support/syncs.ts';
import { until } from './support/until.ts';

const untilNobodyIsLetIn = (url: string) =>
  until('nobody new is let in', () =>
    fetch(`${url}/healthz`).then(
      () => false,
      () => true,
    ),
  );

test('A server that stops is not ready, ends streams for another to go on, and answers what was begun', async () => {
  const server = await startTestServer({
    backend: 'postgres',
    worker: false,
    env: { SHUTDOWN_DELAY_SECONDS: '1' },
  });
  const { id } = await startSync(server.client, server.exports.serve(await exportOf([dialogue('a')])).url);
  const headers = { 'x-api-key': server.apiKey, 'content-type': 'application/json' };

  const stream = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { ...headers, accept: 'text/event-stream' },
    body: JSON.stringify({ query: statusSubscription, variables: { taskId: id } }),
  });
  const streamed = stream.text();

  const socket = createSocketClient({
    url: `${server.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { 'X-API-Key': server.apiKey },
    retryAttempts: 0,
  });
  const closed = new Promise<unknown>((resolve) => {
    socket.on('closed', (event) => resolve((event as { code: number }).code));
  });
  const { promise: received, resolve } = Promise.withResolvers<void>();
  socket.subscribe(
    { query: statusSubscription, variables: { taskId: id } },
    { next: () => resolve(), error: () => undefined, complete: () => undefined },
  );
  await received;

  const body = JSON.stringify({ query: '{ viewer { id } }' });
  const begun = http.request(`${server.url}/graphql`, {
    method: 'POST',
    headers: { ...headers, 'content-length': body.length },
  });
  const answered = once(begun, 'response') as Promise<[IncomingMessage]>;
  begun.write(body.slice(0, 10));
  await once(begun, 'socket');
  const stopped = server.close();
  const readiness = await fetch(`${server.url}/readyz`);
  expect(readiness.status).toBe(503);
  expect(await readiness.json()).toEqual({ ok: false, failures: { server: 'is stopping' } });
  expect(readiness.headers.get('connection')).toBe('close');
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);

  const events = await streamed;
  expect(events).toMatch(/retry: 1000\n\n$/);
  expect(events).not.toContain('event: complete');
  expect(await closed).toBe(1001);
  await untilNobodyIsLetIn(server.url);
  begun.end(body.slice(10));
  const [answer] = await answered;
  expect(answer.statusCode).toBe(200);
  expect(answer.headers.connection).toBe('close');
  expect(await text(answer)).toContain('"viewer"');
  await stopped;
  await socket.dispose();
});

test('A subscription that has only begun to be asked for ends with the others, and nobody waits for it', async () => {
  const server = await startTestServer({
    backend: 'postgres',
    worker: false,
    env: { SHUTDOWN_DELAY_SECONDS: '0', SHUTDOWN_GRACE_SECONDS: '60' },
  });
  const { id } = await startSync(server.client, server.exports.serve(await exportOf([dialogue('a')])).url);
  const body = JSON.stringify({ query: statusSubscription, variables: { taskId: id } });
  const begun = http.request(`${server.url}/graphql`, {
    method: 'POST',
    headers: {
      'x-api-key': server.apiKey,
      'content-type': 'application/json',
      accept: 'text/event-stream',
      'content-length': body.length,
    },
  });
  const answered = once(begun, 'response') as Promise<[IncomingMessage]>;
  begun.write(body.slice(0, 10));
  await once(begun, 'socket');
  // Its beginning is there, so that the server waits for the rest.
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  const stopped = server.close();
  await untilNobodyIsLetIn(server.url);
  begun.end(body.slice(10));
  const [answer] = await answered;
  expect(answer.statusCode).toBe(200);
  expect(await text(answer)).toMatch(/retry: 1000\n\n$/);
  await stopped;
  expect(server.logged()).not.toContain('broken off');
});

test('the delay must leave time for requests and jobs', () => {
  expect(problemsOf({ SHUTDOWN_DELAY_SECONDS: '8' })).toEqual([
    expect.stringMatching(/^SHUTDOWN_GRACE_SECONDS must be twice SHUTDOWN_DELAY_SECONDS or more, such as 16/),
  ]);
  expect(problemsOf({ SHUTDOWN_DELAY_SECONDS: '8', SHUTDOWN_GRACE_SECONDS: '16' })).toEqual([]);
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestClient } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

describe('Every route', () => {
  const guarded = [
    ['GET', '/sync/config'],
    ['POST', '/sync/config'],
    ['POST', '/sync/manual'],
    ['POST', '/sync/upload'],
    ['GET', '/sync/history'],
    ['GET', '/sync/status/x'],
  ] as const;

  test.each(guarded)('%s %s asks a stranger for a key', async (method, path) => {
    for (const key of [null, 'wrong']) {
      const stranger = createTestClient(server.url, key);
      const { status, headers, json } = await stranger.rest(method, path, method === 'POST' ? {} : undefined);
      expect(status).toBe(401);
      expect(headers.get('www-authenticate')).toContain('X-API-Key');
      expect(json).toEqual({ detail: expect.any(String) });
      await stranger.close();
    }
  });

  test.each(guarded.filter(([method]) => method === 'POST'))(
    '%s %s is refused to a key that may only read',
    async (method, path) => {
      const { client } = await server.asUser(new Set(['read']));
      const { status, json } = await client.rest(method, path, { sync_enabled: false });
      expect(status).toBe(403);
      expect(json).toEqual({ detail: expect.stringContaining('write') });
    },
  );

  test.each([
    ['a limit that is none', 'GET', '/sync/history?limit=abc', undefined],
    ['a page of a talk that is none', 'GET', '/chat/history/x?limit=0', undefined],
    ['a body that is no JSON', 'POST', '/search', { 'content-type': 'text/plain' }],
    ['a body that is cut', 'POST', '/search', { 'content-type': 'application/json' }],
  ])('tells a stranger nothing of %s', async (_what, method, path, headers) => {
    const body = headers && '{';
    const { status } = await fetch(server.url + path, { method, headers, body });
    expect(status).toBe(401);
  });

  test('answers JSON when it fails, and carries a request id', async () => {
    const { client } = await server.asUser();
    const unknown = await client.rest('GET', '/nowhere');
    expect(unknown).toMatchObject({ status: 404, json: { detail: expect.any(String) } });
    expect(unknown.headers.get('x-request-id')).toMatch(/^[\w-]{10,}$/);
    const post = (headers: Record<string, string>, body: string) =>
      fetch(`${server.url}/sync/config`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': server.apiKey, ...headers },
        body,
      });
    const broken = await post({}, '{');
    expect(broken.status).toBe(400);
    expect(await broken.json()).toEqual({ detail: expect.any(String) });
    expect((await post({}, `{"x": "${'x'.repeat(300_000)}"}`)).status).toBe(413);
  });

  test('answers a path that is no UTF-8 as the fault of the request', async () => {
    const { status, json } = await server.client.rest('GET', '/sync/status/%E0%A4%A');
    expect(status).toBe(400);
    expect(json).toEqual({ detail: 'The request is malformed.' });
    expect(server.logged()).not.toContain('failed unexpectedly');
  });

  test('keeps a request id that a proxy gave, unless it could forge a line of the log', async () => {
    const answer = (id: string) => fetch(`${server.url}/healthz`, { headers: { 'x-request-id': id } });
    expect((await answer('proxy-1.2_3')).headers.get('x-request-id')).toBe('proxy-1.2_3');
    for (const id of ['a b', '{"x":1}', 'x'.repeat(101)]) {
      expect((await answer(id)).headers.get('x-request-id')).not.toBe(id);
    }
  });

  test('masks what nobody expected', async () => {
    const broken = await startTestServer({ backend: 'postgres' });
    await broken.services.database.query('DROP TABLE sync_configs');
    const { status, json, headers } = await broken.client.rest('GET', '/sync/config');
    const requestId = headers.get('x-request-id');
    expect(status).toBe(500);
    expect(json).toEqual({
      detail: `Something went wrong. Quote the request id ${requestId}.`,
      request_id: requestId,
    });
    expect(broken.logged()).toContain('sync_configs');
    await broken.close();
  });
});

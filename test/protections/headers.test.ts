import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/server.ts';

let development: TestServer;
let production: TestServer;
beforeAll(async () => {
  development = await startTestServer({ backend: 'postgres', worker: false });
  production = await startTestServer({
    backend: 'postgres',
    worker: false,
    env: { ENVIRONMENT: 'production' },
  });
});
afterAll(() => Promise.all([development.close(), production.close()]));

const page = (server: TestServer) => fetch(`${server.url}/graphql`, { headers: { accept: 'text/html' } });

describe('Every answer', () => {
  test('tells browsers to load nothing from elsewhere, to guess nothing and to frame nothing', async () => {
    for (const server of [development, production]) {
      for (const path of ['/healthz', '/nowhere', '/sync/config', '/auth/user']) {
        const { headers } = await fetch(`${server.url}${path}`);
        const policy = headers.get('content-security-policy') ?? '';
        expect(policy, path).toContain("default-src 'self'");
        expect(policy, path).toContain("frame-ancestors 'none'");
        expect(policy, path).not.toMatch(/https?:|\*|unsafe/);
        expect(headers.get('x-content-type-options'), path).toBe('nosniff');
        expect(headers.get('x-powered-by'), path).toBeNull();
        expect(headers.get('server'), path).toBeNull();
      }
    }
  });

  test('asks for https only in production', async () => {
    expect((await fetch(`${development.url}/healthz`)).headers.get('strict-transport-security')).toBeNull();
    expect((await fetch(`${production.url}/healthz`)).headers.get('strict-transport-security')).toMatch(
      /^max-age=31536000/,
    );
  });
});

test('A Host header that is none is refused with a 400 everywhere, but an empty one is not', async () => {
  const statusOf = async (path: string, host: string) => {
    const body = '{"query":"{ viewer { id } }"}';
    const socket = connect(Number(new URL(development.url).port), '127.0.0.1');
    socket.write(
      [
        `POST ${path} HTTP/1.1`,
        `Host: ${host}`,
        `X-API-Key: ${development.apiKey}`,
        'Content-Type: application/json',
        `Content-Length: ${body.length}`,
        'Connection: close',
        '',
        body,
      ].join('\r\n'),
    );
    return Number((await text(socket)).split(' ')[1]);
  };
  for (const path of ['/graphql', '/search', '/mcp']) expect(await statusOf(path, 'a b[:'), path).toBe(400);
  for (const path of ['/graphql', '/search']) expect(await statusOf(path, ''), path).toBe(200);
});

describe('GraphiQL', () => {
  test('is there in development, under a policy of its own that names no other host', async () => {
    const response = await page(development);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain('text/html');
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("script-src 'self' 'unsafe-inline'");
    expect(policy).not.toMatch(/https?:|\*/);
  });

  test('is not there in production, and neither is what could show how the server is built', async () => {
    const response = await page(production);
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(await response.text()).not.toContain('<html');
    expect(response.headers.get('content-security-policy')).not.toContain('unsafe');
    const statusOf = async (path: string) => (await fetch(`${production.url}${path}`)).status;
    for (const path of ['/metrics', '/admin/queues']) expect(await statusOf(path), path).toBe(401);
    for (const path of ['/queues', '/graphiql', '/schema.graphql']) {
      expect(await statusOf(path), path).toBe(404);
    }
  });
});

import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
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

test('A Host header that is none is refused with a 400 everywhere', async () => {
  for (const path of ['/graphql', '/healthz', '/mcp']) {
    const headers = { host: 'a b[:', 'x-api-key': development.apiKey, 'content-type': 'application/json' };
    const sent = request(`${development.url}${path}`, { method: 'POST', headers });
    sent.end('{"query":"{ viewer { id } }"}');
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode, path).toBe(400);
  }
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

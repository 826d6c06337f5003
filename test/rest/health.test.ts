import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeKey } from '../support/api-keys.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

describe('Health', () => {
  test('is ready when everything answers', async () => {
    expect(await server.client.rest('GET', '/healthz')).toMatchObject({ status: 200, json: { ok: true } });
    expect(await server.client.rest('GET', '/readyz')).toMatchObject({ status: 200, json: { ok: true } });
  });

  test('names the database when it does not answer, and other routes say to try again', async () => {
    const own = await startTestServer({ backend: 'redis' });
    const laptop = await makeKey(own, own.client);
    await laptop.client.close();
    const name = new URL(own.databaseUrl).pathname.slice(1);
    const admin = new pg.Client({ connectionString: own.databaseUrl.replace(name, 'postgres') });
    await admin.connect();
    await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
    await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
    const { status, json } = await own.client.rest('GET', '/readyz');
    expect(status).toBe(503);
    expect(json).toEqual({ ok: false, failures: { database: 'does not answer' } });
    const searched = own.client.rest('POST', '/search', { query: 'x' });
    for (const answer of [await own.client.rest('GET', '/sync/history'), await searched]) {
      expect(answer).toMatchObject({ status: 503, json: { detail: expect.stringContaining('Try again') } });
    }
    // The owner's key needs no database, so that the operation meets it; anybody else is refused before.
    for (const [apiKey, httpStatus] of [
      [own.apiKey, 200],
      [laptop.key, 503],
    ] as const) {
      const asked = await fetch(`${own.url}/graphql`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'X-API-Key': apiKey },
        body: JSON.stringify({ query: '{ syncHistory(first: 1) { edges { node { id } } } }' }),
      });
      expect(asked.status).toBe(httpStatus);
      expect(await asked.json()).toMatchObject({
        errors: [{ message: expect.stringContaining('Try again'), extensions: { code: 'UNAVAILABLE' } }],
      });
    }
    const asLaptop = (path: string) => fetch(own.url + path, { headers: { 'X-API-Key': laptop.key } });
    const health = ['/healthz', '/healthz/chat', '/readyz'];
    const statuses = await Promise.all(health.map(async (path) => (await asLaptop(path)).status));
    expect(statuses).toEqual([200, 200, 503]);
    await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
    await admin.end();
    await until('it is ready again', async () => (await own.client.rest('GET', '/readyz')).status === 200);
    await own.close();
  });

  test('does not hang on keys, be they wrong and too many', async () => {
    const own = await startTestServer({ backend: 'postgres', env: { RATE_LIMIT_FACTOR: '0.1' } });
    const ask = (path: string) =>
      fetch(own.url + path, { headers: { 'x-api-key': 'sidecar_of_nobody_at_all' } });
    await until('too many are tried', async () => (await ask('/auth/user')).status === 429);
    const routes = ['/healthz', '/readyz', '/healthz/chat', '/openapi.json', '/docs'];
    const statuses = await Promise.all(routes.map(async (path) => (await ask(path)).status));
    expect(statuses).toEqual(routes.map(() => 200));
    await own.close();
  });
});

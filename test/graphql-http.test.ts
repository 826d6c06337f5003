import { auditServer } from 'graphql-http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from './support/server.ts';

/** The audit's checks that do not pass, but for those that the specification leaves open (MAY). */
async function failuresOf(server: TestServer): Promise<string[]> {
  const results = await auditServer({
    url: `${server.url}/graphql`,
    // As a program asks, with its key.
    fetchFn: (url: string, options: RequestInit = {}) => {
      const headers = new Headers(options.headers);
      headers.set('x-api-key', server.apiKey);
      return fetch(url, { ...options, headers });
    },
  });
  expect(results.length).toBeGreaterThan(55);
  return results
    .filter(({ status, name }) => status !== 'ok' && !(status === 'notice' && name.startsWith('MAY')))
    .map(({ name }) => name);
}

let open: TestServer;
let production: TestServer;
beforeAll(async () => {
  open = await startTestServer({ backend: 'postgres', worker: false });
  production = await startTestServer({
    backend: 'postgres',
    worker: false,
    env: { ENVIRONMENT: 'production' },
  });
});
afterAll(() => Promise.all([open.close(), production.close()]));

test('the endpoint speaks GraphQL over HTTP as the specification says, with all protections on', async () => {
  expect(await failuresOf(open)).toEqual([]);
});

test('in production only the checks fail that ask for the schema itself', async () => {
  const failures = await failuresOf(production);
  expect(failures.filter((name) => !name.includes('{variables}'))).toEqual([]);
});

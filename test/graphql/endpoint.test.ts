import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

describe('The endpoint', () => {
  const post = (headers: Record<string, string>, body: string) =>
    fetch(`${server.url}/graphql`, { method: 'POST', headers, body });
  const query = JSON.stringify({ query: '{ viewer { id } }' });

  test('takes no request that a foreign page could make without asking', async () => {
    const forms = ['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain'];
    for (const type of forms) {
      const response = await post({ 'content-type': type }, query);
      expect(response.status, type).toBeGreaterThanOrEqual(400);
      expect(await response.text(), type).not.toContain('"data"');
    }
    const link = await fetch(`${server.url}/graphql?query=${encodeURIComponent('{ viewer { id } }')}`);
    expect(link.status).toBe(403);
    const json = { 'content-type': 'application/json' };
    expect((await post({ ...json, 'x-graphql-yoga-csrf': '1' }, query)).status).toBe(200);
    expect((await post({ ...json, 'x-api-key': server.apiKey }, query)).status).toBe(200);
  });

  test('serves GraphiQL with a query to begin with to a browser, from its own files', async () => {
    const response = await fetch(`${server.url}/graphql`, { headers: { accept: 'text/html' } });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain('text/html');
    const page = await response.text();
    expect(page).toContain('query Overview');
    expect(page).toContain('X-API-Key');
    expect(page).not.toMatch(/(src|href)="https?:/);
  });

  test('shows no GraphiQL in production', async () => {
    const production = await startTestServer({ backend: 'postgres', env: { ENVIRONMENT: 'production' } });
    const response = await fetch(`${production.url}/graphql`, { headers: { accept: 'text/html' } });
    expect(response.status).not.toBe(200);
    expect(await response.text()).not.toContain('query Overview');
    expect(await production.client.request('{ viewer { displayName } }')).toEqual({
      viewer: { displayName: 'Owner' },
    });
    await production.close();
  });

  test.each(['variables', 'extensions'])(
    'tells of %s that are no JSON, in a URL and in a form',
    async (name) => {
      const parameters = new URLSearchParams({ query: '{ viewer { id } }', [name]: '{"id":' });
      const headers = { 'x-api-key': server.apiKey };
      const form = { ...headers, 'content-type': 'application/x-www-form-urlencoded' };
      for (const response of [
        await fetch(`${server.url}/graphql?${parameters}`, { headers }),
        await post(form, String(parameters)),
      ]) {
        expect(response.status).toBe(400);
        expect(await response.json()).toMatchObject({
          errors: [{ message: expect.stringContaining('must be JSON'), extensions: { code: 'BAD_REQUEST' } }],
        });
      }
      expect(server.logged()).not.toContain('a GraphQL operation failed unexpectedly');
      const whole = new URLSearchParams({ query: 'query A { viewer { displayName } }', variables: '{}' });
      expect(await (await post(form, String(whole))).json()).toEqual({
        data: { viewer: { displayName: 'Owner' } },
      });
    },
  );

  test('refuses a query that does not fit the schema with words about it', async () => {
    const { errors } = await server.client.ask('{ nonsense }');
    expect(errors?.[0]?.message).toContain('nonsense');
  });
});

test('What nobody expected is masked by a request id, under which the log has the cause', async () => {
  // Without a worker, whose sweeps would be in the way of dropping a table.
  const broken = await startTestServer({ backend: 'postgres', worker: false });
  await broken.services.database.query('DROP TABLE conversations CASCADE');
  const response = await fetch(`${broken.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': broken.apiKey, 'x-request-id': 'trace-me.1' },
    body: JSON.stringify({ query: '{ conversations { totalCount edges { node { title } } } }' }),
  });
  expect(response.headers.get('x-request-id')).toBe('trace-me.1');
  const text = await response.text();
  expect(text).not.toMatch(/prisma|relation|does not exist|\bat\b.*\.ts/i);
  expect(JSON.parse(text).errors).toMatchObject([
    {
      message: 'Something went wrong. Quote the request id trace-me.1.',
      path: ['conversations'],
      extensions: { code: 'INTERNAL', requestId: 'trace-me.1' },
    },
  ]);
  const line = broken
    .logged()
    .split('\n')
    .find((each) => each.includes('trace-me.1') && each.includes('"level":50'));
  expect(line).toMatch(/conversations/);
  await broken.close();
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeKey, revokeKey } from '../support/api-keys.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { connect, type Recent } from './client.ts';

const FRIEND = 'https://app.example.com';
const STRANGER = 'https://evil.example.net';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres', worker: false, env: { CORS_ORIGINS: FRIEND } });
});
afterAll(() => server.close());

const call = (name: string, input: object = {}) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name, arguments: input },
});

/** A call as it goes over the wire, of the revisions before 2026. */
async function post(headers: Record<string, string>, body: unknown = call('list_recent'), at = server) {
  const response = await fetch(`${at.url}/mcp`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const withKey = () => ({ 'x-api-key': server.apiKey });

test('Nobody is let in without a key that counts, and is told what to show', async () => {
  const shown: Record<string, string>[] = [
    {},
    { 'x-api-key': 'wrong' },
    { authorization: 'Bearer wrong' },
    { authorization: `Basic ${server.apiKey}` },
    // What is shown first decides alone.
    { 'x-api-key': 'wrong', authorization: `Bearer ${server.apiKey}` },
  ];
  for (const headers of shown) {
    const answer = await post(headers);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="Sidecar", ApiKey header="X-API-Key"');
    expect(answer.text).not.toContain('jsonrpc');
  }
  await expect(connect(server.url, {})).rejects.toThrow('401');
});

test('A key that may only read suffices, in either header, until it is revoked', async () => {
  const user = await server.asUser();
  const { key, apiKey } = await makeKey(server, user.client, { scopes: ['READ'] });
  const ways: Record<string, string>[] = [{ 'x-api-key': key }, { authorization: `Bearer ${key}` }];
  for (const headers of ways) {
    const client = await connect(server.url, headers);
    expect(await client.call<Recent>('list_recent')).toMatchObject({ conversations: [] });
  }
  await revokeKey(user.client, apiKey.id);
  expect((await post({ authorization: `Bearer ${key}` })).status).toBe(401);

  const blind = await server.asUser(new Set(['write']));
  const client = await connect(server.url, { 'x-api-key': blind.apiKey });
  expect(await client.failure('list_recent')).toBe('This needs the scope "read".');
});

test('A session counts as well, but not for a page of another site', async () => {
  const signedIn = await fetch(`${server.url}/auth/key`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ api_key: server.apiKey }),
  });
  const cookie = signedIn.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const client = await connect(server.url, { cookie });
  expect(await client.call<Recent>('list_recent')).toMatchObject({ conversations: [] });

  expect((await post({ cookie, origin: server.url })).status).toBe(200);
  expect((await post({ cookie, origin: FRIEND })).status).toBe(200);
  expect((await post({ cookie, origin: STRANGER })).status).toBe(403);
  expect((await post({ cookie, origin: 'null' })).status).toBe(403);
});

test('No page of another site may call, not even with a key', async () => {
  expect((await post({ ...withKey(), origin: STRANGER })).status).toBe(403);
  expect((await post({ ...withKey(), origin: FRIEND })).status).toBe(200);
  const preflight = await fetch(`${server.url}/mcp`, {
    method: 'OPTIONS',
    headers: {
      origin: FRIEND,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,mcp-protocol-version,mcp-method,mcp-name',
    },
  });
  expect(preflight.headers.get('access-control-allow-origin')).toBe(FRIEND);
  const allowed = preflight.headers.get('access-control-allow-headers')?.toLowerCase().split(',');
  expect(allowed).toEqual(expect.arrayContaining(['authorization', 'mcp-protocol-version', 'mcp-method']));
});

test('Only single calls of a bounded size are taken', async () => {
  expect(await post(withKey(), [call('list_recent'), call('list_recent')])).toMatchObject({
    status: 422,
    text: expect.stringContaining('Send one call in each request.'),
  });
  expect((await post(withKey(), '{"jsonrpc":')).status).toBe(400);
  expect((await post(withKey(), call('search', { query: 'x'.repeat(70_000) }))).status).toBe(413);
  expect((await post({ ...withKey(), 'content-type': 'text/plain' })).status).toBe(415);
  expect((await post({ ...withKey(), 'content-type': 'text/plain' }, 'x'.repeat(70_000))).status).toBe(413);
  for (const method of ['GET', 'DELETE', 'PUT']) {
    const response = await fetch(`${server.url}/mcp`, { method, headers: withKey() });
    expect(response.status, method).toBe(405);
  }
  const unknown = await post(withKey(), call('delete_everything'));
  expect(unknown.text).toContain('Tool delete_everything not found');
});

test('There is nothing to listen to', async () => {
  const { sdk } = await connect(server.url, withKey());
  await expect(sdk.listen({ toolsListChanged: true })).rejects.toThrow();
});

test('Searches are limited as everywhere else', async () => {
  const tight = await startTestServer({
    backend: 'postgres',
    worker: false,
    env: { RATE_LIMIT_FACTOR: '0.005' },
  });
  try {
    const client = await connect(tight.url, { 'x-api-key': tight.apiKey });
    const search = (query: string) => client.sdk.callTool({ name: 'search', arguments: { query } });
    for (let use = 0; use < 2; use += 1) expect((await search('x')).isError).toBeFalsy();
    // Nothing is left to look for another spelling, which keeps back nothing that was found.
    expect((await search('misspelt')).structuredContent).toMatchObject({ results: [], did_you_mean: null });
    expect(await client.failure('search', { query: 'x' })).toMatch(
      /^Too many requests: try again in \d+ s\.$/,
    );
    // The same count as GraphQL's.
    const { errors } = await tight.client.ask('{ search(query: "x") { edges { cursor } } }');
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'TOO_MANY_REQUESTS' });

    const wrong = { 'x-api-key': 'wrong' };
    expect((await post(wrong, undefined, tight)).status).toBe(401);
    const refused = await post(wrong, undefined, tight);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  } finally {
    await tight.close();
  }
});

test('What was not expected is told by its request id alone', async () => {
  const broken = await startTestServer({ backend: 'postgres', worker: false });
  try {
    await broken.services.database.query('ALTER TABLE conversations RENAME TO lost');
    const answer = await post(
      { 'x-api-key': broken.apiKey, 'x-request-id': 'request-7' },
      call('list_recent'),
      broken,
    );
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('Something went wrong. Quote the request id request-7.');
    expect(answer.text).not.toContain('lost');
    expect(answer.text).not.toContain('conversations c');
    expect(broken.logged()).toMatch(/"requestId":"request-7".*an MCP tool failed unexpectedly/);
  } finally {
    await broken.close();
  }
});

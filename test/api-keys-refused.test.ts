import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeKey, revokeKey } from './support/api-keys.ts';
import { createTestClient } from './support/client.ts';
import { startTestServer, type TestServer } from './support/server.ts';

let server: TestServer;
/** That of a user, and that of another. */
let key: string;
let foreignKey: string;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
  key = (await makeKey(server, (await server.asUser()).client)).key;
  foreignKey = (await makeKey(server, (await server.asUser()).client)).key;
});
afterAll(() => server.close());

/** What a key gets at both edges, without what differs from one request to the next. */
async function answersTo(presented: string) {
  const client = createTestClient(server.url, presented);
  const rest = await client.rest('GET', '/sync/config');
  const graphql = await client.rest('POST', '/graphql', { query: '{ viewer { id } apiKeys { id } }' });
  await client.close();
  return {
    rest: { status: rest.status, text: rest.text, challenge: rest.headers.get('www-authenticate') },
    graphql: { status: graphql.status, json: graphql.json },
  };
}

const prefixOf = (whole: string) => whole.slice(0, 20);
const secretOf = (whole: string) => whole.slice(21);
const other = (character: string | undefined) => (character === 'A' ? 'B' : 'A');

async function expiredKey(): Promise<string> {
  const { client } = await server.asUser();
  const made = await makeKey(server, client, { expiresAt: '2100-01-01T00:00:00Z' });
  expect((await made.client.rest('GET', '/sync/config')).status).toBe(200);
  await server.services.database.query(
    `UPDATE api_keys SET expires_at = now() - interval '1 millisecond' WHERE prefix = $1`,
    [made.apiKey.prefix],
  );
  return made.key;
}

async function revokedKey(): Promise<string> {
  const { client } = await server.asUser();
  const made = await makeKey(server, client);
  expect((await made.client.rest('GET', '/sync/config')).status).toBe(200);
  const revoked = await revokeKey(client, made.apiKey.id);
  expect(revoked).toMatchObject({ __typename: 'ApiKey', revokedAt: expect.any(String) });
  // Again changes nothing.
  expect(await revokeKey(client, made.apiKey.id)).toEqual(revoked);
  return made.key;
}

const refused: Record<string, () => string | Promise<string>> = {
  'with one letter of its secret changed': () => `${key.slice(0, 21)}${other(key[21])}${key.slice(22)}`,
  'that is its prefix only': () => prefixOf(key),
  'that is its prefix with an empty secret': () => `${prefixOf(key)}_`,
  'that is its secret only': () => secretOf(key),
  'made of one key’s prefix and another’s secret': () => `${prefixOf(foreignKey)}_${secretOf(key)}`,
  'with something behind it': () => `${key}A`,
  'in capitals': () => key.toUpperCase(),
  'that holds a pattern': () => `sidecar_%_${secretOf(key)}`,
  'of ten thousand letters': () => 'x'.repeat(10_000),
  'that has expired': expiredKey,
  'that was revoked': revokedKey,
};

test.each(Object.keys(refused))('A key %s is answered like one that never was', async (name) => {
  const random = `sidecar_${randomBytes(6).toString('hex')}_${randomBytes(32).toString('base64url')}`;
  const unknown = await answersTo(random);
  expect(unknown).toMatchObject({
    rest: { status: 401, challenge: expect.stringContaining('X-API-Key') },
    graphql: { json: { errors: [{ extensions: { code: 'NOT_SIGNED_IN' } }] } },
  });
  expect(await answersTo((await refused[name]?.()) ?? '')).toEqual(unknown);
});

test('A key in the query string is no key, and the log does not hold it', async () => {
  for (const name of ['X-API-Key', 'x-api-key', 'api_key', 'apiKey', 'key']) {
    const query = new URLSearchParams({ [name]: key });
    expect((await fetch(`${server.url}/sync/config?${query}`)).status).toBe(401);
    query.set('query', '{ viewer { id } }');
    const answer = await fetch(`${server.url}/graphql?${query}`, { headers: { 'x-graphql-yoga-csrf': '1' } });
    expect(await answer.json()).toEqual({ data: { viewer: null } });
  }
  expect(server.logged()).toContain('/sync/config');
  expect(server.logged()).not.toContain(secretOf(key));
});

test('A wrong key beside the right one opens nothing', async () => {
  const headers = new Headers([
    ['x-api-key', key],
    ['x-api-key', 'wrong'],
  ]);
  expect((await fetch(`${server.url}/sync/config`, { headers })).status).toBe(401);
});

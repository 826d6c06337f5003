import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeId } from '../src/domain/global-id.ts';
import { askForKey, listKeys, makeKey, revokeKey } from './support/api-keys.ts';
import { createTestClient } from './support/client.ts';
import { startTestServer, type TestServer } from './support/server.ts';

let server: TestServer;
beforeAll(async () => {
  // Without a factor one user could not make as many keys as are allowed.
  server = await startTestServer({ backend: 'postgres', env: { RATE_LIMIT_FACTOR: '10' } });
});
afterAll(() => server.close());

const moment = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const unknownId = encodeId('ApiKey', '01a20644-6fa6-7000-8000-000000000000');

test('A key is shown once, acts for its user everywhere, and is listed with its last use', async () => {
  const { client } = await server.asUser();
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
  const made = await makeKey(server, client, { name: ' laptop ', expiresAt });
  expect(made.key).toMatch(/^sidecar_[\da-f]{12}_[\w-]{43}$/);
  expect(made.apiKey).toEqual({
    id: expect.any(String),
    name: 'laptop',
    prefix: made.key.slice(0, 20),
    scopes: ['READ', 'WRITE'],
    createdAt: moment,
    expiresAt,
    lastUsedAt: null,
    lastUsedAddress: null,
    revokedAt: null,
  });
  const whoIs = '{ viewer { id } }';
  const self = await client.request(whoIs);
  expect(await made.client.request(whoIs)).toEqual(self);
  expect((await made.client.rest('GET', '/sync/config')).status).toBe(200);
  const overSocket = made.client.subscribe('websocket', whoIs);
  expect((await overSocket.next()).value).toEqual(self);
  await overSocket.return?.();
  await made.client.close();

  const listed = await client.rest('POST', '/graphql', {
    query: '{ apiKeys { id lastUsedAt lastUsedAddress } }',
  });
  expect(listed.json).toEqual({
    data: { apiKeys: [{ id: made.apiKey.id, lastUsedAt: moment, lastUsedAddress: '127.0.0.1' }] },
  });
  expect(JSON.stringify(await listKeys(client))).not.toContain(made.key);
});

test('The last use of a key is written once a minute', async () => {
  const { client, viewer } = await server.asUser();
  const made = await makeKey(server, client);
  const lastUse = async () => (await listKeys(client))[0]?.lastUsedAt;
  const use = () => made.client.rest('GET', '/sync/config');
  await use();
  const first = await lastUse();
  await use();
  expect(await lastUse()).toBe(first);
  await server.services.database.query(
    `UPDATE api_keys SET last_used_at = now() - interval '2 minutes' WHERE user_id = $1`,
    [viewer.userId],
  );
  const longAgo = await lastUse();
  await use();
  expect(Date.parse((await lastUse()) ?? '')).toBeGreaterThan(Date.parse(longAgo ?? ''));
});

test('A key stands neither in the database nor in the log', async () => {
  const { client } = await server.asUser();
  const made = await makeKey(server, client);
  await made.client.rest('GET', '/sync/config');
  await made.client.rest('GET', `/sync/config?api_key=${made.key}`);
  const stored = await everythingStored();
  const secret = made.key.slice(21);
  expect(stored).toContain(made.apiKey.prefix);
  expect(server.logged()).toContain('/sync/config');
  for (const form of [secret, hex(made.key), hex(secret), Buffer.from(secret, 'base64url').toString('hex')]) {
    expect(stored).not.toContain(form);
    expect(server.logged()).not.toContain(form);
  }
});

describe('What a key is allowed', () => {
  test('is never more than its maker is', async () => {
    const reader = await server.asUser(new Set(['read']));
    expect(await askForKey(reader.client, { name: 'x', scopes: ['READ'] })).toMatchObject({
      code: 'NOT_ALLOWED',
    });
    const { client } = await server.asUser();
    expect(await askForKey(client, { name: 'x', scopes: ['ADMIN'] })).toMatchObject({
      __typename: 'NotAllowed',
      message: expect.stringContaining('"admin"'),
    });
    const ofReading = await makeKey(server, client, { scopes: ['READ'] });
    expect(await askForKey(ofReading.client, { name: 'x', scopes: ['READ'] })).toMatchObject({
      code: 'NOT_ALLOWED',
    });
    const writer = await makeKey(server, server.client, { scopes: ['WRITE'] });
    expect(writer.apiKey.scopes).toEqual(['READ', 'WRITE']);
    expect(await askForKey(writer.client, { name: 'x', scopes: ['ADMIN'] })).toMatchObject({
      code: 'NOT_ALLOWED',
    });
    expect(await listKeys(client)).toHaveLength(1);
  });

  test('includes the scope of an admin for the owner alone', async () => {
    const pretender = await server.asUser(new Set(['read', 'write', 'admin']));
    expect(await askForKey(pretender.client, { name: 'x', scopes: ['ADMIN'] })).toMatchObject({
      code: 'NOT_ALLOWED',
    });
    const query = '{ auditLog(first: 1) { edges { node { action } } } }';
    const { client } = await makeKey(server, server.client, { scopes: ['ADMIN'] });
    expect((await client.ask(query)).errors).toBeUndefined();
    // Should such a key have come into being all the same, it is worth nothing more.
    const { client: forged } = await makeKey(server, pretender.client);
    await server.services.database.query(`UPDATE api_keys SET scopes = '{read,admin}' WHERE user_id = $1`, [
      pretender.viewer.userId,
    ]);
    expect(await forged.ask(query)).toMatchObject({
      errors: [{ message: 'This needs the scope "admin".', extensions: { code: 'NOT_ALLOWED' } }],
    });
  });

  test('is nothing but reading for a key that may only read', async () => {
    const { client } = await server.asUser();
    const { client: reader, apiKey } = await makeKey(server, client, { scopes: ['READ'] });
    expect((await reader.rest('GET', '/sync/config')).status).toBe(200);
    expect(await reader.rest('POST', '/sync/config', { sync_enabled: false })).toMatchObject({
      status: 403,
      json: { detail: 'This needs the scope "write".' },
    });
    expect(await revokeKey(reader, apiKey.id)).toMatchObject({ __typename: 'NotAllowed' });
    expect(
      await reader.request('mutation { configureSync(input: { enabled: false }) { ... on Error { code } } }'),
    ).toEqual({ configureSync: { code: 'NOT_ALLOWED' } });
  });
});

test('A user has 50 keys at most, also when they are made at the same time', async () => {
  const { client, viewer } = await server.asUser();
  const made = await makeKey(server, client);
  await server.services.database.query(
    `INSERT INTO api_keys (user_id, id, name, prefix, key_hash, scopes)
     SELECT $1, gen_random_uuid(), 'many', 'sidecar_' || gen_random_uuid(), '', '{read}'
     FROM generate_series(1, 47)`,
    [viewer.userId],
  );
  const input = { name: 'one more', scopes: ['READ'] };
  const answers = await Promise.all(Array.from({ length: 5 }, () => askForKey(client, input)));
  const refused = answers.filter(({ __typename }) => __typename === 'InvalidInput');
  expect(refused).toHaveLength(3);
  expect(refused[0]?.message).toContain('50');
  await revokeKey(client, made.apiKey.id);
  expect(await askForKey(client, input)).toMatchObject({ __typename: 'CreatedApiKey' });
  // The ended one is still there, behind those that count.
  expect((await listKeys(client)).at(-1)).toMatchObject({ id: made.apiKey.id, revokedAt: moment });
});

test.each([
  ['no name', { name: ' ', scopes: ['READ'] }, 'name'],
  ['a name that is too long', { name: 'x'.repeat(101), scopes: ['READ'] }, 'name'],
  ['a name that PostgreSQL cannot hold', { name: 'a\0b', scopes: ['READ'] }, 'name'],
  ['no scope', { name: 'x', scopes: [] }, 'scopes'],
  ['an end that is past', { name: 'x', scopes: ['READ'], expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt'],
])('A key with %s is refused with the reason', async (_what, input, field) => {
  const { client } = await server.asUser();
  expect(await askForKey(client, input)).toMatchObject({
    __typename: 'InvalidInput',
    fieldErrors: [{ path: [field] }],
  });
  expect(await listKeys(client)).toEqual([]);
});

test('A user neither sees nor revokes the keys of another', async () => {
  const { client } = await server.asUser();
  const made = await makeKey(server, client);
  const { client: other } = await server.asUser();
  expect(await listKeys(other)).toEqual([]);
  const foreign = await revokeKey(other, made.apiKey.id);
  expect(foreign).toMatchObject({ __typename: 'NotFound' });
  expect(foreign).toEqual(await revokeKey(other, unknownId));
  expect(foreign).toEqual(await revokeKey(other, 'nonsense'));
  expect((await made.client.rest('GET', '/sync/config')).status).toBe(200);
});

test('Nobody signed out lists, makes or revokes keys', async () => {
  const stranger = createTestClient(server.url, null);
  expect(await stranger.ask('{ apiKeys { id } }')).toMatchObject({
    errors: [{ extensions: { code: 'NOT_SIGNED_IN' } }],
  });
  expect(await askForKey(stranger, { name: 'x', scopes: ['READ'] })).toMatchObject({ code: 'NOT_SIGNED_IN' });
  expect(await revokeKey(stranger, unknownId)).toMatchObject({ code: 'NOT_SIGNED_IN' });
});

const hex = (value: string) => Buffer.from(value).toString('hex');

/** Every row of every table, as text. */
async function everythingStored(): Promise<string> {
  const { database } = server.services;
  const tables = await database.query<{ name: string }>(
    `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
     WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')`,
  );
  const dumps = await Promise.all(tables.map(({ name }) => database.query(`SELECT t::text FROM ${name} t`)));
  return JSON.stringify(dumps);
}

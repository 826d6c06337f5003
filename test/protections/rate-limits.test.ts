import { createClient } from 'graphql-ws';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { rateLimits } from '../../src/domain/limits.ts';
import { nowhere } from '../../src/domain/viewer.ts';
import { openDatabase } from '../../src/infra/database.ts';
import { createRateLimits } from '../../src/infra/rate-limits.ts';
import { openRedis } from '../../src/infra/redis.ts';
import { makeKey, revokeKey } from '../support/api-keys.ts';
import { askBackground } from '../support/background.ts';
import { createTestClient } from '../support/client.ts';
import { redisConfigOf } from '../support/config.ts';
import { startRedis } from '../support/redis.ts';
import { backends, startTestServer, type TestServer, type TestServerOptions } from '../support/server.ts';
import { startMutation } from '../support/syncs.ts';
import { until } from '../support/until.ts';

/** So small that every limit of 120 or fewer uses is 1 or 2 of them. */
const TIGHT = { RATE_LIMIT_FACTOR: '0.01' };

const servers: TestServer[] = [];
async function start(options: Partial<TestServerOptions> = {}): Promise<TestServer> {
  const server = await startTestServer({ backend: 'postgres', worker: false, env: TIGHT, ...options });
  servers.push(server);
  return server;
}
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const ask = (server: TestServer, key: string, headers: Record<string, string> = {}) =>
  fetch(`${server.url}/sync/config`, { headers: { 'x-api-key': key, ...headers } });

const statusesOf = async (count: number, request: (index: number) => Promise<Response>) => {
  const statuses: number[] = [];
  for (let index = 0; index < count; index += 1) statuses.push((await request(index)).status);
  return statuses;
};

describe.each(backends)('On %s', (backend) => {
  test('syncs are limited by user, and GraphQL, REST and uploads tell when to come back', async () => {
    const server = await start({ backend });
    const { client } = await server.asUser();
    const input = { exportUrl: 'ftp://example.com/x' };
    expect(await client.request(startMutation, input)).toMatchObject({
      startSync: { __typename: 'InvalidInput' },
    });
    const refused = await client.request<{ startSync: object }>(
      startMutation.replace('... on Conflict', '... on TooManyRequests { retryAfter } ... on Conflict'),
      input,
    );
    expect(refused.startSync).toEqual({
      __typename: 'TooManyRequests',
      code: 'TOO_MANY_REQUESTS',
      message: expect.stringMatching(/^Too many requests: try again in \d+ s\.$/),
      retryAfter: expect.any(Number),
    });
    const rest = await client.rest('POST', '/sync/manual', { export_url: input.exportUrl });
    expect(rest).toMatchObject({ status: 429, json: { detail: expect.stringContaining('try again') } });
    expect(Number(rest.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(rest.headers.get('retry-after'))).toBeLessThanOrEqual(rateLimits.sync.windowSeconds);

    const other = await server.asUser();
    expect(await other.client.rest('POST', '/sync/manual', { export_url: input.exportUrl })).toMatchObject({
      status: 422,
    });
    // Each kind has a limit of its own.
    const upload = await client.rest('POST', '/sync/upload', Buffer.from('no zip'));
    const second = await client.rest('POST', '/sync/upload', Buffer.from('no zip'));
    expect([upload.status, second.status]).toEqual([202, 409]);
  });

  test('exports are limited by user, in whatever form they are asked for', async () => {
    const server = await start({ backend });
    const [user, other] = [await server.asUser(), await server.asUser()];
    expect(await askBackground(user.client, 'exportMyData')).toMatchObject({ kind: 'ACCOUNT_EXPORT' });
    for (const call of ['exportMyData', 'exportConversations(input: {})']) {
      expect(await askBackground(user.client, call)).toMatchObject({ __typename: 'TooManyRequests' });
    }
    expect(await askBackground(other.client, 'exportConversations(input: {})')).toMatchObject({
      kind: 'CONVERSATION_EXPORT',
    });
  });

  test('search is limited by user, with the seconds to wait in the error', async () => {
    const server = await start({ backend });
    const { client } = await server.asUser();
    const query = '{ search(query: "x") { edges { node { rank } } } }';
    // Six uses in one request as in six.
    const aliases = Array.from(
      { length: 7 },
      (_, index) => `s${index}: search(query: "x") { edges { cursor } }`,
    );
    const { errors } = await client.ask(`{ ${aliases.join(' ')} }`);
    expect(errors).toHaveLength(1);
    const after = await client.ask(query);
    expect(after.errors).toMatchObject([
      { extensions: { code: 'TOO_MANY_REQUESTS', retryAfter: expect.any(Number) } },
    ]);
    expect((await (await server.asUser()).client.ask(query)).errors).toBeUndefined();
  });

  test('all processes count together', async () => {
    const server = await start({ backend });
    const spender = { userId: 'shared' };
    const { logger } = server.services;
    const { database, close } = openDatabase({ url: server.databaseUrl });
    const redis = server.redisUrl ? openRedis(redisConfigOf(server.redisUrl), logger) : null;
    const client = redis?.open('limits') ?? null;
    await until('the other process is connected', () => client === null || client.status === 'ready');
    const other = createRateLimits({ factor: 0.01, redis: client, database, logger });
    await server.services.limits.spend('keyCreation', spender);
    await expect(other.spend('keyCreation', spender)).rejects.toMatchObject({ code: 'TOO_MANY_REQUESTS' });
    await redis?.close();
    await close();
  });
});

describe('API keys', () => {
  test('cannot be tried without end from one address, and a right one is not looked at then either', async () => {
    const server = await start();
    expect(await statusesOf(3, (index) => ask(server, `guess-${index}`))).toEqual([401, 429, 429]);
    const right = await ask(server, server.apiKey);
    expect(right.status).toBe(429);
    expect(Number(right.headers.get('retry-after'))).toBeGreaterThan(0);

    const graphql = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'x-api-key': server.apiKey, 'content-type': 'application/json' },
      body: '{"query":"{ viewer { id } }"}',
    });
    expect(graphql.status).toBe(429);
    expect(await graphql.json()).toEqual({
      errors: [
        {
          message: expect.stringContaining('try again'),
          extensions: { code: 'TOO_MANY_REQUESTS', retryAfter: expect.any(Number) },
        },
      ],
    });
    const socket = createTestClient(server.url, server.apiKey);
    await expect(socket.subscribe('websocket', '{ viewer { id } }').next()).rejects.toMatchObject([
      { extensions: { code: 'TOO_MANY_REQUESTS' } },
    ]);
    await socket.close();
    // Without a key nothing was guessed.
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });

  test('that are empty, as GraphiQL sends them, are no guesses', async () => {
    const server = await start();
    expect(await statusesOf(3, () => ask(server, ''))).toEqual([401, 401, 401]);
    expect((await ask(server, server.apiKey)).status).toBe(200);
  });

  test('that have ended are no guesses: a program that goes on with one locks nobody out', async () => {
    const server = await start();
    const { client } = await server.asUser();
    const { key, apiKey, client: program } = await makeKey(server, client);
    await revokeKey(client, apiKey.id);
    expect(await statusesOf(3, () => ask(server, key))).toEqual([401, 401, 401]);
    expect((await ask(server, server.apiKey)).status).toBe(200);
    const guesses = [...'xy']
      .map((letter) => `${key.slice(0, -1)}${letter}`)
      .filter((guess) => guess !== key);
    expect(await statusesOf(2, () => ask(server, guesses[0] ?? ''))).toEqual([401, 429]);
    await program.close();
  });

  test('that are right cost nothing', async () => {
    const server = await start();
    expect(await statusesOf(20, () => ask(server, server.apiKey))).toEqual(
      Array.from({ length: 20 }, () => 200),
    );
  });

  test('are counted by the real address: a forged X-Forwarded-For helps nobody', async () => {
    const server = await start();
    const guess = (index: number) =>
      ask(server, `guess-${index}`, { 'x-forwarded-for': `203.0.113.${index}` });
    expect(await statusesOf(3, guess)).toEqual([401, 429, 429]);
  });

  test('are counted by client behind a proxy that is trusted, whatever the client claims besides', async () => {
    const server = await start({ env: { ...TIGHT, TRUST_PROXY: '1' } });
    // The proxy adds the address that it saw at the end of what it was sent.
    const from = (address: string, claim: string) =>
      ask(server, 'guess', { 'x-forwarded-for': `${claim}, ${address}` });
    expect(await statusesOf(3, (index) => from('203.0.113.1', `10.0.0.${index}`))).toEqual([401, 429, 429]);
    expect((await from('203.0.113.2', '203.0.113.1')).status).toBe(401);
    // An IPv6 client has a whole network of addresses.
    expect((await from('2001:db8:1:2::1', 'x')).status).toBe(401);
    expect((await from('2001:db8:1:2:ffff::9', 'x')).status).toBe(429);
    expect((await from('2001:db8:1:3::1', 'x')).status).toBe(401);

    // A WebSocket's address is told from the same header.
    class FromThere extends WebSocket {
      constructor(url: string, protocol: string) {
        super(url, protocol, { headers: { 'x-api-key': server.apiKey, 'x-forwarded-for': '203.0.113.1' } });
      }
    }
    const socket = createClient({
      url: `${server.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: FromThere,
      retryAttempts: 0,
    });
    await expect(socket.iterate({ query: '{ viewer { id } }' }).next()).rejects.toMatchObject([
      { extensions: { code: 'TOO_MANY_REQUESTS' } },
    ]);
    await socket.dispose();
  });

  test('are counted by client behind proxies that write ports beside addresses', async () => {
    const server = await start({ env: { ...TIGHT, TRUST_PROXY: '127.0.0.1, 10.0.0.0/8' } });
    const from = (client: string) => ask(server, 'guess', { 'x-forwarded-for': `${client}, 10.0.0.5:443` });
    for (const [one, same, other] of [
      ['203.0.113.1:5678', '203.0.113.1:5679', '203.0.113.2:5678'],
      ['[2001:db8:1:2::1]:5678', '[2001:db8:1:2::1]', '[2001:db8:1:3::1]:5678'],
    ] as const) {
      expect(await Promise.all([one, other].map(async (client) => (await from(client)).status))).toEqual([
        401, 401,
      ]);
      expect((await from(same)).status).toBe(429);
    }
  });
});

test('Sign-ins are limited by address, and asking who is signed in is not', async () => {
  const server = await start();
  const login = () => fetch(`${server.url}/auth/login`, { redirect: 'manual' });
  expect(await statusesOf(2, login)).toEqual([501, 429]);
  const callback = await fetch(`${server.url}/auth/callback?code=x&state=y`, { redirect: 'manual' });
  expect(callback.status).toBe(429);
  expect(callback.headers.get('retry-after')).toMatch(/^\d+$/);
  expect(await statusesOf(5, () => fetch(`${server.url}/auth/user`))).toEqual([200, 200, 200, 200, 200]);
});

test('Without a store each process counts for itself, and goes on with the store when it is back', async () => {
  const redis = await startRedis();
  const server = await start({ backend: 'redis', redisUrl: redis.url });
  const { limits } = server.services;
  await redis.close();
  const spender = { userId: 'alone' };
  await limits.spend('keyCreation', spender);
  await expect(limits.spend('keyCreation', spender)).rejects.toMatchObject({ code: 'TOO_MANY_REQUESTS' });
  // Who was not counted before is let in, as ever.
  await limits.spend('keyCreation', { address: nowhere.address });
  const again = await startRedis({ port: redis.port });
  await server.close();
  servers.splice(0);
  await again.close();
});

test('A factor of 0 lifts the limits', async () => {
  const server = await start({ env: { RATE_LIMIT_FACTOR: '0' } });
  const statuses = await statusesOf(150, (index) => ask(server, `guess-${index}`));
  expect(new Set(statuses)).toEqual(new Set([401]));
});

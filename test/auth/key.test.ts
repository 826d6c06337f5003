import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CookieBrowser, createCookieBrowser } from '../support/cookie-browser.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

const rename = 'mutation { configureSync(input: { enabled: false }) { __typename ... on Error { code } } }';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres', worker: false });
});
afterAll(() => server.close());

const browserOf = () => createCookieBrowser(server.url);

async function signedIn(apiKey = server.apiKey): Promise<CookieBrowser> {
  const browser = browserOf();
  const page = await browser.post('/auth/key', { api_key: apiKey });
  expect(page.status).toBe(200);
  return browser;
}

async function makeKey(scopes: string) {
  const { createApiKey } = await server.client.request<{
    createApiKey: { key: string; apiKey: { id: string } };
  }>(
    `mutation { createApiKey(input: { name: "for a browser", scopes: [${scopes}] }) {
      ... on CreatedApiKey { key apiKey { id } }
    } }`,
  );
  return { key: createApiKey.key, id: createApiKey.apiKey.id };
}

test('the owner’s key signs the owner in, and the secret is in neither database nor log', async () => {
  const browser = browserOf();
  const page = await browser.post('/auth/key', { api_key: server.apiKey });
  expect(page).toMatchObject({
    status: 200,
    json: { authenticated: true, user: { display_name: 'Owner', verified_email: false } },
  });
  expect((await browser.get('/auth/user')).json).toEqual(page.json);
  expect(await browser.graphql('{ viewer { isOwner sessions { current } } }')).toEqual({
    viewer: { isOwner: true, sessions: [{ current: true }] },
  });
  const cookie = decodeURIComponent(browser.cookies.get('sidecar') ?? '');
  const [, secret = '', signature = ''] = /^s:([\w-]{43})\.(.+)$/.exec(cookie) ?? [];
  expect(secret).not.toBe('');
  const rows = await server.services.database.query('SELECT t::text AS row FROM sessions t');
  const audit = await server.services.database.query('SELECT t::text AS row FROM audit_events t');
  for (const shown of [secret, signature, server.apiKey]) {
    expect(JSON.stringify([rows, audit])).not.toContain(shown);
    expect(server.logged()).not.toContain(shown);
  }
  expect(JSON.stringify(audit)).toContain('session.started');
});

test('a wrong key, none, or a body that is no JSON signs nobody in', async () => {
  for (const body of [{ api_key: 'wrong' }, { api_key: ['x'] }, {}, undefined]) {
    const browser = browserOf();
    expect((await browser.post('/auth/key', body)).status).toBe(401);
    expect(browser.cookies.size).toBe(0);
  }
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  expect((await browserOf().post('/auth/key', { api_key: server.apiKey }, headers)).status).toBe(415);
});

test('a session has the scopes of its key, and ends with it', async () => {
  const { key, id } = await makeKey('READ');
  const browser = await signedIn(key);
  expect(await browser.graphql(rename)).toEqual({
    configureSync: { __typename: 'NotAllowed', code: 'NOT_ALLOWED' },
  });
  await server.services.database.query(
    `INSERT INTO sync_tasks (user_id, id, trigger, source) VALUES ($1, gen_random_uuid(), 'UPLOAD', 'waiting.zip')`,
    [server.viewer.userId],
  );
  const { results, closed } = browser.subscribe('websocket', 'subscription { syncActivity { id } }');
  await until('the waiting task is told', () => results.length > 0);
  await server.client.request('mutation R($id: ID!) { revokeApiKey(id: $id) { __typename } }', { id });
  expect(await closed).toBe(4401);
  expect((await browser.get('/auth/user')).json).toEqual({ authenticated: false });
});

test('a key that expires takes its session with it', async () => {
  const { key } = await makeKey('READ, WRITE');
  const browser = await signedIn(key);
  expect(await browser.graphql(rename)).toEqual({ configureSync: { __typename: 'SyncConfig' } });
  await server.services.database.query(`UPDATE api_keys SET expires_at = now() WHERE revoked_at IS NULL`);
  expect((await browser.get('/auth/user')).json).toEqual({ authenticated: false });
});

test('signing out ends the session on the server and takes the cookie away', async () => {
  for (const way of ['rest', 'graphql'] as const) {
    const browser = await signedIn();
    const kept = new Map(browser.cookies);
    if (way === 'rest') {
      expect(await browser.post('/auth/logout')).toMatchObject({
        status: 200,
        json: { message: 'You are signed out.' },
      });
      expect(browser.cookies.size).toBe(0);
      expect((await browser.post('/auth/logout')).status).toBe(401);
      for (const [name, value] of kept) browser.cookies.set(name, value);
      expect((await browser.post('/auth/logout')).json).toEqual({ message: 'You were not signed in.' });
      expect(browser.cookies.size).toBe(0);
    } else {
      const answer = await browser.graphql('mutation { signOut { ... on SignedOut { sessions } } }');
      expect(answer).toEqual({ signOut: { sessions: 1 } });
    }
    for (const [name, value] of kept) browser.cookies.set(name, value);
    expect((await browser.get('/auth/user')).json).toEqual({ authenticated: false });
  }
  const withKey = await server.client.rest('POST', '/auth/logout');
  expect(withKey.status).toBe(403);
});

test('a cookie that was tampered with, or that another server signed, counts for nothing', async () => {
  const browser = await signedIn();
  const value = browser.cookies.get('sidecar') ?? '';
  const [signed = '', signature = ''] = decodeURIComponent(value).split('.');
  const forged = [
    `${signed}.${signature.slice(0, -2)}xx`,
    `${signed}.`,
    signed,
    signed.replace('s:', ''),
    `${signed.slice(0, -1)}x.${signature}`,
    's:',
    '%',
  ];
  for (const cookie of forged) {
    const thief = browserOf();
    thief.cookies.set('sidecar', cookie === '%' ? cookie : encodeURIComponent(cookie));
    expect([cookie, (await thief.get('/auth/user')).json]).toEqual([cookie, { authenticated: false }]);
    expect((await thief.get('/sync/config')).status).toBe(401);
  }
  // A key that is wrong is not made good by a cookie that is right.
  expect((await browser.get('/sync/config', { 'x-api-key': 'wrong' })).status).toBe(401);
  expect((await browser.get('/sync/config')).status).toBe(200);
});

test('a page of another site cannot act with the cookie, nor sign anybody in or out', async () => {
  const browser = await signedIn();
  const foreign: Record<string, string>[] = [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: server.url.replace('127.0.0.1', 'localhost') },
  ];
  for (const headers of foreign) {
    const refused = [
      await browser.post('/sync/config', { sync_enabled: false }, headers),
      await browser.post('/auth/logout', undefined, headers),
      await browserOf().post('/auth/key', { api_key: server.apiKey }, headers),
      await browserOf().post('/AUTH/Key', { api_key: server.apiKey }, headers),
      await browser.post('/sync/upload/resumable', undefined, headers),
      await browser.post('/graphql', { query: rename }, { ...headers, 'x-graphql-yoga-csrf': '1' }),
    ];
    expect([headers, refused.map(({ status }) => status)]).toEqual([headers, [403, 403, 403, 403, 403, 403]]);
  }
  const own: Record<string, string>[] = [{}, { 'sec-fetch-site': 'same-origin' }, { origin: server.url }];
  for (const headers of own) {
    expect((await browser.post('/sync/config', { sync_enabled: false }, headers)).status).toBe(200);
  }
  // GraphiQL's header is empty until somebody fills it in.
  expect((await browser.get('/sync/config', { 'x-api-key': '' })).status).toBe(200);
  // Whoever shows a key borrows nothing.
  const withKey = { 'x-api-key': server.apiKey, 'sec-fetch-site': 'cross-site' };
  expect((await browserOf().post('/sync/config', { sync_enabled: false }, withKey)).status).toBe(200);
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { auditLogOf } from '../support/audit.ts';
import { type SignInServer, startSignInServer } from '../support/sign-in-server.ts';

const whoQuery = '{ viewer { id isOwner email } }';

let site: SignInServer;
beforeAll(async () => {
  site = await startSignInServer();
});
afterAll(() => site.close());

async function withKey(apiKey = site.server.apiKey) {
  const browser = site.browser();
  await browser.post('/auth/key', { api_key: apiKey });
  return browser;
}

test('the owner makes a Google account theirs, and signs in with it from then on', async () => {
  const stranger = await site.signedIn('stranger@example.org');
  const owner = await withKey();
  const { viewer } = await owner.graphql<{ viewer: { id: string } }>(whoQuery);

  // Somebody else's account cannot be taken over, nor can anybody but the owner ask for it.
  expect(await owner.signIn('/auth/login?link=true')).toMatchObject({
    status: 400,
    text: expect.stringContaining('another account'),
  });
  expect((await stranger.get('/auth/login?link=true')).status).toBe(403);
  expect((await site.browser().get('/auth/login?link=true')).status).toBe(401);
  const foreign = { 'sec-fetch-site': 'cross-site' };
  expect((await owner.get('/auth/login?link=true', foreign)).status).toBe(403);

  site.provider.account = { sub: 'owner-sub', email: 'owner@example.org', email_verified: true };
  const page = await owner.signIn('/auth/login?link=true&returnTo=/settings');
  expect([page.status, page.headers.get('location')]).toEqual([302, '/settings']);
  const linked = { viewer: { id: viewer.id, isOwner: true, email: 'owner@example.org' } };
  expect(await owner.graphql(whoQuery)).toEqual(linked);

  const elsewhere = await site.browser();
  await elsewhere.signIn();
  expect(await elsewhere.graphql(whoQuery)).toEqual(linked);
  site.provider.account = { sub: 'second-sub', email: 'second@example.org', email_verified: true };
  expect((await owner.signIn('/auth/login?link=true')).status).toBe(400);
});

test('a session that hangs on a key that was made links nothing, whatever its scopes', async () => {
  const { createApiKey } = await site.server.client.request<{ createApiKey: { key: string } }>(
    'mutation { createApiKey(input: { name: "all", scopes: [ADMIN] }) { ... on CreatedApiKey { key } } }',
  );
  const browser = await withKey(createApiKey.key);
  expect(await browser.get('/auth/login?link=true')).toMatchObject({
    status: 403,
    text: expect.stringContaining('API_KEY'),
  });
  const withHeader = await site.browser().get('/auth/login?link=true', { 'x-api-key': createApiKey.key });
  expect(withHeader.status).toBe(403);
});

test('the owner takes the Google account away again, and every session with it', async () => {
  site.provider.account = { sub: 'owner-sub', email: 'owner@example.org', email_verified: true };
  const owner = await withKey();
  expect((await owner.signIn('/auth/login?link=true')).status).toBe(302);
  const elsewhere = site.browser();
  await elsewhere.signIn();
  const unlink = `mutation { unlinkGoogle { __typename ... on SignedOut { sessions } } }`;
  const stranger = await site.signedIn('nobody@example.org');
  expect(await stranger.graphql(unlink)).toEqual({ unlinkGoogle: { __typename: 'NotAllowed' } });
  const { unlinkGoogle } = await owner.graphql<{ unlinkGoogle: { sessions: number } }>(unlink);
  expect(unlinkGoogle.sessions).toBeGreaterThanOrEqual(2);
  expect([await owner.email(), await elsewhere.email()]).toEqual([null, null]);
  expect(await site.server.client.request(unlink)).toEqual({ unlinkGoogle: { __typename: 'NotFound' } });
  expect(await site.server.client.request(whoQuery)).toMatchObject({
    viewer: { isOwner: true, email: null },
  });
  const [newest] = await auditLogOf(site.server.client);
  expect(newest).toMatchObject({ action: 'account.unlinked', credential: 'SESSION' });

  // The Google account is a stranger's from now on.
  site.provider.account = { sub: 'owner-sub', email: 'owner@example.org', email_verified: true };
  await elsewhere.signIn();
  expect(await elsewhere.graphql(whoQuery)).toMatchObject({ viewer: { isOwner: false } });
});

test('a key without the scope admin links nothing', async () => {
  const { createApiKey } = await site.server.client.request<{ createApiKey: { key: string } }>(
    'mutation { createApiKey(input: { name: "some", scopes: [READ, WRITE] }) { ... on CreatedApiKey { key } } }',
  );
  const browser = await withKey(createApiKey.key);
  expect((await browser.get('/auth/login?link=true')).status).toBe(403);
});

test('the owner links and signs in with an address that is not on the list of others', async () => {
  const closed = await startSignInServer({ env: { ALLOWED_EMAILS: 'friends.example' } });
  closed.provider.account = { sub: 'owner-sub', email: 'owner@elsewhere.example', email_verified: true };
  const owner = closed.browser();
  expect((await owner.signIn()).status).toBe(400);
  await owner.post('/auth/key', { api_key: closed.server.apiKey });
  expect((await owner.signIn('/auth/login?link=true')).status).toBe(302);
  const elsewhere = closed.browser();
  expect((await elsewhere.signIn()).status).toBe(302);
  expect(await elsewhere.graphql(whoQuery)).toMatchObject({ viewer: { isOwner: true } });
  await closed.close();
});

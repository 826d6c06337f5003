import { afterAll, beforeAll, expect, test } from 'vitest';
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

test('a key without the scope admin links nothing', async () => {
  const { createApiKey } = await site.server.client.request<{ createApiKey: { key: string } }>(
    'mutation { createApiKey(input: { name: "some", scopes: [READ, WRITE] }) { ... on CreatedApiKey { key } } }',
  );
  const browser = await withKey(createApiKey.key);
  expect((await browser.get('/auth/login?link=true')).status).toBe(403);
});

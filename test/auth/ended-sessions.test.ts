import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { makeKey } from '../support/api-keys.ts';
import { createTestClient } from '../support/client.ts';
import type { TestServerOptions } from '../support/server.ts';
import { type SignInServer, startSignInServer } from '../support/sign-in-server.ts';
import { until } from '../support/until.ts';

const configure =
  'mutation { configureSync(input: { enabled: false }) { __typename ... on Error { code } } }';

async function start(options: Partial<TestServerOptions>): Promise<SignInServer> {
  const site = await startSignInServer({ worker: false, ...options });
  onTestFinished(() => site.close());
  return site;
}

/** A token endpoint that answers when it is told to, and then that it will not. */
async function startSlowEndpoint() {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  let asked = 0;
  const server = createServer(async (_request, response) => {
    asked += 1;
    await released;
    response.writeHead(500).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/token`, release, isAsked: () => asked > 0 };
}

test('a session that is ended while its browser is at the sign-in does not come back', async () => {
  const slow = await startSlowEndpoint();
  const site = await start({ env: { GOOGLE_TOKEN_URL: slow.url } });
  const thief = site.browser();
  await thief.post('/auth/key', { api_key: site.server.apiKey });
  const callback = thief.get(await thief.beginSignIn());
  await until('the callback waits for the provider', slow.isAsked);
  const { signOutEverywhere } = await site.server.client.request<{ signOutEverywhere: object }>(
    'mutation { signOutEverywhere { ... on SignedOut { sessions } } }',
  );
  expect(signOutEverywhere).toEqual({ sessions: 1 });
  slow.release();
  expect((await callback).status).toBe(400);
  expect((await thief.get('/auth/user')).json).toEqual({ authenticated: false });
  const rows = await site.server.services.prisma.session.count({ where: { userId: { not: null } } });
  expect(rows).toBe(0);
});

test('a session keeps the bounds of its key when a sign-in begins in it', async () => {
  const site = await start({});
  const { key } = await makeKey(site.server, site.server.client, { scopes: ['READ'] });
  const browser = site.browser();
  await browser.post('/auth/key', { api_key: key });
  await browser.beginSignIn();
  expect(await browser.graphql(configure)).toEqual({
    configureSync: { __typename: 'NotAllowed', code: 'NOT_ALLOWED' },
  });
});

test('of two sign-ins that are begun in one browser the later one counts, and the other signs nobody out', async () => {
  const site = await start({});
  site.provider.account = { sub: 'both', email: 'both@example.org', email_verified: true };
  const browser = site.browser();
  const [earlier, later] = [await browser.beginSignIn(), await browser.beginSignIn()];
  expect((await browser.get(later)).status).toBe(302);
  expect((await browser.get(earlier)).status).toBe(400);
  expect(await browser.email()).toBe('both@example.org');
});

test('who is taken off the list is out, with session and keys, and comes back with it; the owner stays', async () => {
  const site = await start({ env: { ALLOWED_EMAILS: 'example.org' } });
  const browser = await site.signedIn('ada@example.org');
  const made = await browser.graphql<{ createApiKey: { key: string } }>(
    'mutation { createApiKey(input: { name: "own", scopes: [READ] }) { ... on CreatedApiKey { key } } }',
  );
  const program = createTestClient(site.server.url, made.createApiKey.key);
  const keyStatus = async () => (await program.rest('GET', '/sync/config')).status;
  const changeAddress = (from: string, to: string) =>
    site.server.services.database.query('UPDATE users SET email = $2 WHERE email = $1', [from, to]);
  expect([await browser.email(), await keyStatus()]).toEqual(['ada@example.org', 200]);

  await changeAddress('ada@example.org', 'ada@elsewhere.example');
  expect([await browser.email(), await keyStatus()]).toEqual([null, 401]);
  const owner = site.browser();
  const signedIn = await owner.post('/auth/key', { api_key: site.server.apiKey });
  expect(signedIn.json).toMatchObject({ authenticated: true });
  expect((await owner.get('/auth/user')).json).toMatchObject({ authenticated: true });

  await changeAddress('ada@elsewhere.example', 'ada@example.org');
  expect([await browser.email(), await keyStatus()]).toEqual(['ada@example.org', 200]);
  await program.close();
});

test('the end of a session stands in the audit log, however it was ended', async () => {
  const site = await start({});
  const [out, ended, replaced] = [
    await site.signedIn('ada@example.org'),
    await site.signedIn('ada@example.org'),
    await site.signedIn('ada@example.org'),
  ];
  const last = await site.signedIn('ada@example.org');
  await out.post('/auth/logout');
  const current = '{ viewer { sessions { id current } } }';
  const { viewer } = await ended.graphql<{ viewer: { sessions: { id: string; current: boolean }[] } }>(
    current,
  );
  const id = viewer.sessions.find((session) => session.current)?.id;
  await last.graphql('mutation E($id: ID!) { endSession(id: $id) { __typename } }', { id });
  await replaced.signIn();
  const log = await last.graphql<{ viewer: { auditLog: { edges: { node: { action: string } }[] } } }>(
    '{ viewer { auditLog(first: 20) { edges { node { action credential } } } } }',
  );
  const actions = log.viewer.auditLog.edges.map(({ node }) => node);
  expect(actions.filter(({ action }) => action === 'session.ended')).toEqual(
    [1, 2, 3].map(() => ({ action: 'session.ended', credential: 'SESSION' })),
  );
});

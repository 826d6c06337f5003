import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { createServer } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createCookieBrowser } from '../support/cookie-browser.ts';
import { startTestServer } from '../support/server.ts';
import { type SignInServer, startSignInServer } from '../support/sign-in-server.ts';

let site: SignInServer;
beforeAll(async () => {
  site = await startSignInServer();
});
afterAll(() => site.close());
beforeEach(() => {
  site.provider.refusal = null;
  site.provider.account = { sub: 'ada-sub', email: 'ada@example.org', email_verified: true, name: 'Ada' };
});

const usersWith = (condition: string, value: string) =>
  site.server.services.database.query<{ id: string; email: string; display_name: string }>(
    `SELECT id, email, display_name FROM users WHERE ${condition} = $1`,
    [value],
  );

test('the way to Google carries state and an S256 challenge, and the way back signs in', async () => {
  const browser = site.browser();
  const login = await browser.get('/auth/login?returnTo=/graphql');
  expect(login.status).toBe(302);
  const target = new URL(login.headers.get('location') ?? '');
  expect(`${target.origin}${target.pathname}`).toBe(`${site.provider.url}/authorize`);
  expect(Object.fromEntries(target.searchParams)).toEqual({
    client_id: 'sidecar-test',
    response_type: 'code',
    redirect_uri: `${site.server.url}/auth/callback`,
    scope: 'openid email profile',
    state: expect.stringMatching(/^[\w-]{24}$/),
    code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    code_challenge_method: 'S256',
  });
  expect(login.headers.get('cache-control')).toBe('no-store');
  expect(login.headers.getSetCookie()).toEqual([
    expect.stringMatching(/^sidecar=[^;]+; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/),
  ]);

  const back = await browser.get(target.href);
  const callback = await browser.get(back.headers.get('location') ?? '');
  expect([callback.status, callback.headers.get('location')]).toEqual([302, '/graphql']);
  expect((await browser.get('/auth/user')).json).toEqual({
    authenticated: true,
    user: { email: 'ada@example.org', display_name: 'Ada', picture: null, verified_email: true },
  });
  const query = '{ viewer { email displayName pictureUrl emailVerified isOwner } }';
  expect(await browser.graphql(query)).toEqual({
    viewer: {
      email: 'ada@example.org',
      displayName: 'Ada',
      pictureUrl: null,
      emailVerified: true,
      isOwner: false,
    },
  });
  expect(site.provider.asked.at(-1)).toMatchObject({
    url: '/userinfo',
    authorization: expect.stringMatching(/^Bearer /),
  });
});

test('an account is known by its sub: a new address or name follows it, an old address does not', async () => {
  site.provider.account.sub = 'moving-sub';
  site.provider.account.email = 'old@example.org';
  await site.browser().signIn();
  const [first] = await usersWith('google_sub', 'moving-sub');

  Object.assign(site.provider.account, {
    email: 'new@example.org',
    name: 'Ada L.',
    picture: 'https://images.example.org/ada.png',
  });
  const browser = site.browser();
  await browser.signIn();
  expect(await usersWith('google_sub', 'moving-sub')).toEqual([
    { id: first?.id, email: 'new@example.org', display_name: 'Ada L.' },
  ]);
  expect((await browser.get('/auth/user')).json.user).toMatchObject({
    picture: 'https://images.example.org/ada.png',
  });

  site.provider.account = { sub: 'another-sub', email: 'new@example.org', email_verified: true };
  await site.browser().signIn();
  expect(await usersWith('email', 'new@example.org')).toHaveLength(2);
});

test.each([false, 'false', undefined])(
  'an address whose email_verified is %s does not sign in',
  async (verified) => {
    site.provider.account = { sub: 'unverified', email: 'boss@example.org', email_verified: verified };
    const browser = site.browser();
    expect(await browser.signIn()).toMatchObject({
      status: 400,
      text: expect.stringContaining('not verified'),
    });
    expect(await browser.email()).toBeNull();
    expect(await usersWith('google_sub', 'unverified')).toEqual([]);
  },
);

test('a callback with a missing, wrong, foreign or used state signs nobody in', async () => {
  const victim = site.browser();
  const address = new URL(await site.browser().beginSignIn());
  // Somebody else's callback, in a browser that never began a sign-in, and in one that began its own.
  const wrong = [address.href];
  const withoutState = new URL(address);
  withoutState.searchParams.delete('state');
  const withoutCode = new URL(address);
  withoutCode.searchParams.delete('code');
  const doubled = `${address.href}&state=x&code=y`;
  wrong.push(withoutState.href, withoutCode.href, doubled, `${site.server.url}/auth/callback`);
  for (const url of wrong) {
    const page = await victim.get(url);
    expect([url, page.status, page.json.detail]).toEqual([url, 400, expect.any(String)]);
    const forPerson = await victim.get(url, { accept: 'text/html' });
    expect(forPerson).toMatchObject({ status: 400, text: expect.stringMatching(/^<!doctype html>/) });
    expect(await victim.email()).toBeNull();
  }
  const own = await victim.beginSignIn();
  expect((await victim.get(address.href)).status).toBe(400);
  expect(await victim.email()).toBeNull();
  // A state that was guessed wrong once is used up.
  expect((await victim.get(own)).status).toBe(400);
  expect(await victim.email()).toBeNull();
});

test('a callback counts once, and its code is worth nothing in another browser', async () => {
  const browser = site.browser();
  const address = await browser.beginSignIn();
  const before = new Map(browser.cookies);
  expect((await browser.get(address)).status).toBe(302);
  // Again as it is now, and as it was before.
  expect((await browser.get(address)).status).toBe(400);
  expect(await browser.email()).toBe('ada@example.org');
  const replayed = site.browser();
  for (const [name, value] of before) replayed.cookies.set(name, value);
  expect((await replayed.get(address)).status).toBe(400);
  expect(await replayed.email()).toBeNull();

  // The thief's own state with the victim's code: the verifier is not his.
  const thief = site.browser();
  const stolen = new URL(await site.browser().beginSignIn()).searchParams.get('code') ?? '';
  const his = new URL(await thief.beginSignIn());
  his.searchParams.set('code', stolen);
  expect((await thief.get(his.href)).status).toBe(400);
  expect(await thief.email()).toBeNull();
});

test('the cookie from before a sign-in is not the one that is signed in', async () => {
  const attacker = site.browser();
  await attacker.get('/auth/login');
  const victim = site.browser();
  for (const [name, value] of attacker.cookies) victim.cookies.set(name, value);
  expect((await victim.signIn()).status).toBe(302);
  expect(await victim.email()).toBe('ada@example.org');
  expect(victim.cookies).not.toEqual(attacker.cookies);
  expect(await attacker.email()).toBeNull();
  // Nor does signing in once more keep the old one.
  const old = site.browser();
  for (const [name, value] of victim.cookies) old.cookies.set(name, value);
  await victim.signIn();
  expect(await old.email()).toBeNull();
});

test('what the provider refuses ends on a clean page without scripts', async () => {
  for (const [refusal, words] of [
    ['access_denied', 'cancelled'],
    ['server_error', 'refused'],
  ] as const) {
    site.provider.refusal = refusal;
    const browser = site.browser();
    const page = await browser.get(await browser.beginSignIn(), { accept: 'text/html' });
    expect(page.status).toBe(400);
    expect(page.text).toContain(words);
    expect(page.text).toContain('<a href="/auth/login">');
    expect(page.text).not.toContain('alert(1)');
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
    expect(page.headers.get('cache-control')).toBe('no-store');
  }
});

test.each([
  ['/conversations?page=2#top', '/conversations?page=2#top'],
  ['//evil.example', '/'],
  ['/\\evil.example', '/'],
  ['\\\\evil.example', '/'],
  ['https://evil.example/', '/'],
  ['javascript:alert(1)', '/'],
  ['/\t/evil.example', '/'],
  ['/%0d%0aSet-Cookie:x=y', '/%0d%0aSet-Cookie:x=y'],
  ['/x\r\nSet-Cookie: x=y', '/'],
  ['/.//evil.example', '/'],
  ['/auth/login', '/'],
  ['/AUTH/login', '/'],
  ['evil', '/'],
  ['', '/'],
])('after a sign-in that wants to return to %j the browser goes to %j', async (wanted, expected) => {
  const page = await site.browser().signIn(`/auth/login?returnTo=${encodeURIComponent(wanted)}`);
  expect([page.status, page.headers.get('location')]).toEqual([302, expected]);
});

test('a provider that never answers ends on a page as well', async () => {
  const silent = createServer((socket) => socket.on('error', () => undefined).resume());
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as { port: number };
  const other = await startSignInServer({ env: { GOOGLE_TOKEN_URL: `http://127.0.0.1:${port}/token` } });
  const page = await other.browser().signIn();
  expect(page).toMatchObject({ status: 400, text: expect.stringContaining('in time') });
  // It ends only with its connections: the request that was given up must not hold one open.
  await new Promise((resolve) => silent.close(resolve));
  await other.close();
});

test('without Google login and callback say how to configure it, to programs and to people', async () => {
  const server = await startTestServer({ backend: 'postgres' });
  const browser = createCookieBrowser(server.url);
  for (const path of ['/auth/login', '/auth/callback?code=x&state=y']) {
    const forProgram = await browser.get(path);
    expect(forProgram.status).toBe(501);
    expect(forProgram.json.detail).toMatch(/GOOGLE_CLIENT_ID.*\/auth\/key/);
    const forPerson = await browser.get(path, { accept: 'text/html' });
    expect(forPerson.status).toBe(501);
    expect(forPerson.text).toMatch(/^<!doctype html>[\s\S]*REDIRECT_URI/);
  }
  expect((await browser.get('/auth/user')).json).toEqual({ authenticated: false });
  await server.close();
});

test('a sign-in that is begun under another name of the server goes on under that of the way back', async () => {
  const begin = async (path: string, host: string) => {
    const sent = request(new URL(path, site.server.url), { headers: { host } }).end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.resume();
    return answer.headers.location ?? '';
  };
  const moved = await begin('/auth/login?returnTo=/search%3Fq=x', 'other.example:8088');
  expect(moved).toBe(`${site.server.url}/auth/login?returnTo=%2Fsearch%3Fq%3Dx&moved=true`);
  const page = await site.browser().signIn(moved);
  expect([page.status, page.headers.get('location')]).toEqual([302, '/search?q=x']);
  // Behind a proxy that hides the name it is no circle.
  expect(await begin(moved, 'other.example:8088')).toContain('/authorize?');
});

test('only who is on the list comes in', async () => {
  const closed = await startSignInServer({ env: { ALLOWED_EMAILS: 'Ada@Example.org, friends.example' } });
  const outcomes: Record<string, number> = {};
  for (const email of [
    'ada@example.org',
    'ADA@example.ORG',
    'eve@example.org',
    'any@friends.example',
    'eve@sub.friends.example',
    'eve@notfriends.example',
    'friends.example@evil.example',
  ]) {
    closed.provider.account = { sub: email, email, email_verified: true };
    outcomes[email] = (await closed.browser().signIn()).status;
  }
  expect(outcomes).toEqual({
    'ada@example.org': 302,
    'ADA@example.ORG': 302,
    'eve@example.org': 400,
    'any@friends.example': 302,
    'eve@sub.friends.example': 400,
    'eve@notfriends.example': 400,
    'friends.example@evil.example': 400,
  });
  await closed.close();
});

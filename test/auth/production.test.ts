import { expect, test } from 'vitest';
import { type ConfigError, loadConfig } from '../../src/config.ts';
import { createCookieBrowser } from '../support/cookie-browser.ts';
import { startSignInServer } from '../support/sign-in-server.ts';

const production = { ENVIRONMENT: 'production', API_KEY: 'a-key-of-more-than-24-characters' };
const google = {
  GOOGLE_CLIENT_ID: 'id',
  GOOGLE_CLIENT_SECRET: 'secret',
  REDIRECT_URI: 'https://sidecar.example/auth/callback',
};

function problemsOf(env: Record<string, string>): string[] {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    return (error as ConfigError).problems;
  }
}

test('Google is configured whole or not at all, and by https in production', () => {
  expect(loadConfig({}).google).toBeNull();
  expect(loadConfig({ ...production, ...google }).google).toMatchObject({
    clientId: 'id',
    authorizationUrl: 'https://accounts.google.com/o/oauth2/v2/auth',
    allowedEmails: null,
  });
  expect(problemsOf({ GOOGLE_CLIENT_ID: 'id' })).toEqual([
    expect.stringContaining('GOOGLE_CLIENT_SECRET and REDIRECT_URI must be set as well'),
  ]);
  expect(problemsOf({ ...google, REDIRECT_URI: 'https://sidecar.example/' })).toEqual([
    'REDIRECT_URI must end in /auth/callback',
  ]);
  const plain = {
    REDIRECT_URI: 'http://sidecar.example/auth/callback',
    GOOGLE_AUTHORIZATION_URL: 'http://login.example/authorize',
    GOOGLE_TOKEN_URL: 'http://login.example/token',
    GOOGLE_USERINFO_URL: 'http://login.example/userinfo',
  };
  expect(problemsOf({ ...google, ...plain })).toEqual([]);
  expect(problemsOf({ ...production, ...google, ...plain }).map((problem) => problem.split(' ')[0])).toEqual([
    'REDIRECT_URI',
    'GOOGLE_AUTHORIZATION_URL',
    'GOOGLE_TOKEN_URL',
    'GOOGLE_USERINFO_URL',
  ]);
  expect(problemsOf({ ...google, GOOGLE_TOKEN_URL: 'http://127.0.0.1/token' })).toEqual([
    expect.stringContaining('must both begin'),
  ]);
  expect(problemsOf({ ...google, ALLOWED_EMAILS: 'ada@example.org, not an address' })).toEqual([
    expect.stringContaining('ALLOWED_EMAILS must be addresses or domains'),
  ]);
  // Neither lets in whom it seems to.
  for (const list of ['*@example.org', ' , ']) {
    expect(problemsOf({ ...google, ALLOWED_EMAILS: list })).toEqual([
      expect.stringContaining('ALLOWED_EMAILS must be addresses or domains'),
    ]);
  }
  const loud = { REDIRECT_URI: 'HTTP://sidecar.example/auth/callback' };
  expect(problemsOf({ ...production, ...google, ...loud })).toEqual([
    expect.stringContaining('REDIRECT_URI must begin with https://'),
  ]);
  const ended = { REDIRECT_URI: `${google.REDIRECT_URI}\n` };
  expect(problemsOf({ ...google, ...ended })).toEqual([expect.stringContaining('REDIRECT_URI must hold')]);
  expect(problemsOf({ ALLOWED_EMAILS: 'ada@example.org' })).toEqual([
    expect.stringContaining('ALLOWED_EMAILS needs GOOGLE_CLIENT_ID'),
  ]);
});

test('in production the cookie is bound to this host and to https, and an open door is logged', async () => {
  const site = await startSignInServer({
    env: { ...production, TRUST_PROXY: '1', REDIRECT_URI: 'https://sidecar.example/auth/callback' },
  });
  expect(site.server.logged()).toContain('ALLOWED_EMAILS is not set');
  const overPlainHttp = await createCookieBrowser(site.server.url).get('/auth/login');
  expect(overPlainHttp).toMatchObject({
    status: 400,
    json: { detail: expect.stringContaining('TRUST_PROXY') },
  });

  const forwarded = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'sidecar.example' };
  const browser = createCookieBrowser(site.server.url, forwarded);
  site.provider.account = { sub: 'ada', email: 'ada@example.org', email_verified: true };
  const address = new URL(await browser.beginSignIn());
  expect(address.origin).toBe('https://sidecar.example');
  const callback = await browser.get(`${address.pathname}${address.search}`);
  expect(callback.status).toBe(302);
  expect(callback.headers.getSetCookie()).toEqual([
    expect.stringMatching(/^__Host-sidecar=[^;]+; Path=\/; Expires=[^;]+; HttpOnly; Secure; SameSite=Lax$/),
  ]);
  expect(await browser.email()).toBe('ada@example.org');
  const logout = await browser.post('/auth/logout');
  expect(logout.headers.getSetCookie()).toEqual([
    '__Host-sidecar=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax',
  ]);
  await site.close();
});

test('a list of who may sign in is no open door, and a proxy that nobody trusts is logged once', async () => {
  const site = await startSignInServer({
    env: {
      ...production,
      REDIRECT_URI: 'https://sidecar.example/auth/callback',
      ALLOWED_EMAILS: 'example.org',
    },
  });
  expect(site.server.logged()).not.toContain('ALLOWED_EMAILS is not set');
  // Nor is it told of a proxy before one is there, nor more than once.
  expect(site.server.logged()).not.toContain('TRUST_PROXY is not set');
  for (const address of ['203.0.113.1', '203.0.113.2']) {
    await createCookieBrowser(site.server.url, { 'x-forwarded-for': address }).get('/healthz');
  }
  expect(site.server.logged().split('TRUST_PROXY is not set')).toHaveLength(2);
  await site.close();
});

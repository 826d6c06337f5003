import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openChromium } from '../support/chromium.ts';
import { type SignInServer, startSignInServer } from '../support/sign-in-server.ts';

let site: SignInServer;
let browser: Browser;
beforeAll(async () => {
  [site, browser] = await Promise.all([startSignInServer(), openChromium()]);
});
afterAll(async () => {
  await browser.close();
  await site.close();
});

/** What /auth/user tells a script of a page of ours. */
const whoAmI = (page: Page) =>
  page.evaluate(() => fetch('/auth/user').then((response) => response.json() as Promise<unknown>));

test('a person signs in with the provider, comes back to where they were, and signs out', async () => {
  site.provider.account = { sub: 'ada', email: 'ada@example.org', email_verified: true, name: 'Ada' };
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${site.server.url}/auth/login?returnTo=${encodeURIComponent('/auth-free/page?x=1')}`);
  expect(page.url()).toBe(`${site.server.url}/auth-free/page?x=1`);
  expect(await whoAmI(page)).toMatchObject({ authenticated: true, user: { email: 'ada@example.org' } });
  // No script of any page can read the cookie.
  expect(await page.evaluate(() => document.cookie)).toBe('');
  expect(await context.cookies()).toMatchObject([
    { name: 'sidecar', httpOnly: true, sameSite: 'Lax', path: '/', secure: false },
  ]);

  const logout = await page.evaluate(() =>
    fetch('/auth/logout', { method: 'POST' }).then(async (response) => ({
      status: response.status,
      body: (await response.json()) as unknown,
    })),
  );
  expect(logout).toEqual({ status: 200, body: { message: 'You are signed out.' } });
  expect(await context.cookies()).toEqual([]);
  expect(await whoAmI(page)).toEqual({ authenticated: false });
  await context.close();
});

test('a person whom the provider refuses reads why, on a page that runs no script', async () => {
  site.provider.refusal = 'access_denied';
  const context = await browser.newContext();
  const page = await context.newPage();
  const refused: string[] = [];
  page.on('console', (message) => refused.push(message.text()));
  const response = await page.goto(`${site.server.url}/auth/login`);
  expect(response?.status()).toBe(400);
  expect(await page.textContent('h1')).toBe('The sign-in failed');
  // The page's own style is let through by its policy.
  expect(await page.evaluate(() => getComputedStyle(document.body).maxWidth)).not.toBe('none');
  expect(refused.filter((text) => text.includes('Content Security Policy'))).toEqual([]);
  site.provider.refusal = null;
  site.provider.account = { sub: 'ada', email: 'ada@example.org', email_verified: true };
  await page.click('text=Try again');
  await page.waitForURL(`${site.server.url}/`);
  expect(await whoAmI(page)).toMatchObject({ authenticated: true });
  await context.close();
});

test('a page of another site that sends a form to this server gets nothing done with the cookie', async () => {
  site.provider.account = { sub: 'eve-target', email: 'target@example.org', email_verified: true };
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${site.server.url}/auth/login`);
  expect(await whoAmI(page)).toMatchObject({ authenticated: true });
  // The same machine under another name is another site to a browser.
  await page.goto(`${site.provider.url.replace('127.0.0.1', 'localhost')}/.well-known/openid-configuration`);
  const sent = page.waitForResponse((response) => response.url().endsWith('/auth/logout'));
  await page.evaluate((action) => {
    const form = Object.assign(document.createElement('form'), { method: 'post', action });
    document.body.append(form);
    form.submit();
  }, `${site.server.url}/auth/logout`);
  expect((await sent).status()).toBe(403);
  await page.waitForURL(`${site.server.url}/auth/logout`);
  expect(await whoAmI(page)).toMatchObject({ authenticated: true, user: { email: 'target@example.org' } });
  await context.close();
});

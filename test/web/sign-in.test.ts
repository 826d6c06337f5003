import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openChromium } from '../support/chromium.ts';
import { type SignInServer, startSignInServer } from '../support/sign-in-server.ts';
import { setWebStage, visit } from './stage.ts';

const stage = setWebStage({ worker: false });
let site: SignInServer;
let browser: Browser;
beforeAll(async () => {
  [site, browser] = await Promise.all([startSignInServer({ worker: false }), openChromium()]);
});
afterAll(async () => {
  await browser.close();
  await site.close();
});

test('Somebody who comes for the first time reads what this is, how to get an export, and that its link ends after 24 hours', async () => {
  const { page, leave } = await visit(stage, '/');
  expect(await page.getByRole('heading', { level: 1 }).textContent()).toContain('ChatGPT history');
  await page.getByRole('heading', { name: 'How to get your export' }).waitFor();
  await page.getByText('24 hours only').waitFor();
  expect(await page.getByRole('link', { name: 'Continue with Google' }).count()).toBe(0);
  await leave();
});

test('The key of the server signs in, across a reload, until one signs out', async () => {
  const { page, context, leave } = await visit(stage, '/');
  await page.getByLabel('API key').fill(` ${stage.server.apiKey} `);
  await page.getByRole('button', { name: 'Sign in with the key' }).click();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
  await page.reload();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
  expect(await page.evaluate(() => JSON.stringify({ ...localStorage }))).not.toContain(stage.server.apiKey);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  expect(await context.cookies()).toEqual([]);
  await leave();
});

test('A wrong key is refused in words, and the field keeps what was typed', async () => {
  const { page, context } = await visit(stage, '/');
  await page.getByRole('button', { name: 'Sign in with the key' }).click();
  await page.getByRole('alert').getByText('Enter the key first.').waitFor();
  await page.getByLabel('API key').fill('sidecar_wrong');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('This is not a key of this server.').waitFor();
  expect(await page.getByLabel('API key').inputValue()).toBe('sidecar_wrong');
  await context.close();
});

test('Google, where it is configured, leads back to the address that was asked for', async () => {
  site.provider.account = { sub: 'ada', email: 'ada@example.org', email_verified: true, name: 'Ada' };
  const { page, leave } = await visit({ server: site.server, browser }, '/import?from=mail');
  await page.getByRole('link', { name: 'Continue with Google' }).click();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
  expect(page.url()).toBe(`${site.server.url}/import?from=mail`);
  await page.getByText('Ada').waitFor();
  await leave();
});

test('A browser whose session is ended elsewhere is shown the way in again', async () => {
  const { page, context } = await visit(stage, '/import', { apiKey: stage.server.apiKey });
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
  await stage.server.client.request('mutation { signOutEverywhere { __typename } }');
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await context.close();
});

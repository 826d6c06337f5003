import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { about, startChatServer } from '../support/chats.ts';
import { openChromium } from '../support/chromium.ts';
import { exportOf } from '../support/exports.ts';
import { backends } from '../support/server.ts';
import { visit } from './stage.ts';

describe.each(backends)('On the %s back end', (backend) => {
  let chats: Awaited<ReturnType<typeof startChatServer>>;
  let browser: Browser;
  beforeAll(async () => {
    [chats, browser] = await Promise.all([startChatServer({ backend }), openChromium()]);
  });
  afterAll(async () => {
    await browser.close();
    await chats.close();
  });

  test('somebody signs in, drops in an export, watches it arrive, finds what they said, and asks about it', async () => {
    const { server } = chats;
    const { page, leave } = await visit({ server, browser }, '/');
    await page.getByLabel('API key').fill(server.apiKey);
    await page.getByRole('button', { name: 'Sign in with the key' }).click();
    await page.getByText('Your history is empty').waitFor();
    await page.getByRole('link', { name: 'Import an export' }).click();
    const zip = await exportOf([
      about('moon', 'How far is the moon?', 'The moon is 384,400 kilometres away.', 'The moon'),
    ]);
    await page
      .getByLabel('Choose a file')
      .setInputFiles({ name: 'export.zip', mimeType: 'application/zip', buffer: zip });
    const card = page.getByRole('article', { name: 'export.zip' });
    await card.getByText('Complete', { exact: true }).waitFor();
    await page.getByRole('link', { name: 'Search', exact: true }).click();
    await page.waitForFunction(() => document.activeElement?.id === 'search-box');
    await page.keyboard.type('kilometres');
    await page.locator('.hit mark').getByText('kilometres').waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.locator('.anchored').getByText('384,400').waitFor();
    await page.getByRole('link', { name: 'Chat', exact: true }).click();
    await page.getByLabel('Your question').fill('How far is the moon?');
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: '[1]' }).click();
    await page.locator('.anchored').getByText(/moon/).first().waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(await page.getByText('384,400').count()).toBe(0);
    await leave();
  }, 60_000);
});

import { beforeAll, expect, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import type { TestUser } from '../support/server.ts';
import { startSync, sync } from '../support/syncs.ts';
import { branched } from './reading/archive.ts';
import { setWebStage, visit } from './stage.ts';

const stage = setWebStage();
let reader: TestUser;
beforeAll(async () => {
  reader = await stage.server.asUser();
  const rest = Array.from({ length: 60 }, (_, index) => dialogue(`c${index}`));
  await sync(reader.client, stage.server.exports.serve(await exportOf([...rest, branched()])).url);
});

const open = (path: string, options = {}) => visit(stage, path, { apiKey: reader.apiKey, ...options });

test('Tab leads from the list to what is read, and back to the row that was left', async () => {
  const { page, leave } = await open('/conversations');
  const rows = page.getByRole('list', { name: 'Conversations' }).getByRole('link');
  await rows.first().waitFor();
  await page.getByText('Filters', { exact: true }).focus();
  await page.keyboard.press('Tab');
  for (const row of ['1', '2']) {
    await page.keyboard.press('ArrowDown');
    await page.waitForFunction((index) => document.activeElement?.getAttribute('data-index') === index, row);
  }
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Rename' }).waitFor();
  const left = await page.evaluate(() => document.activeElement?.getAttribute('href'));
  expect(left).toBe(await rows.nth(2).getAttribute('href'));
  await page.keyboard.press('Tab');
  expect(await page.evaluate(() => document.activeElement?.textContent?.trim())).toBe('Rename');
  await page.keyboard.press('Shift+Tab');
  expect(await page.evaluate(() => document.activeElement?.getAttribute('href'))).toBe(left);
  await leave();
});

test('Whoever comes back to the hits comes back to where they were', async () => {
  const { page, leave } = await open('/search?q=question', { viewport: { width: 1000, height: 600 } });
  const hits = page.locator('.hit');
  await page.getByRole('button', { name: 'Show more' }).click();
  const hit = hits.nth(25);
  await hit.scrollIntoViewIfNeeded();
  const before = await page.evaluate(() => scrollY);
  expect(before).toBeGreaterThan(600);
  await hit.click();
  await page.locator('.anchored').waitFor();
  await page.goBack();
  await hit.waitFor();
  await page.waitForFunction((y) => Math.abs(scrollY - y) < 50, before);
  await leave();
});

test('The title is that of what is read, and of the page when nothing is', async () => {
  const { page, leave } = await open('/conversations?title=Crossroads', {
    viewport: { width: 360, height: 740 },
  });
  await page.waitForFunction(() => document.title === 'History · Sidecar');
  await page.getByRole('link', { name: /Crossroads/ }).click();
  await page.waitForFunction(() => document.title === 'Crossroads · Sidecar');
  await page.getByRole('link', { name: 'Search', exact: true }).click();
  await page.waitForFunction(() => document.title === 'Search · Sidecar');
  await page.goBack();
  await page.getByText('To the right.').waitFor();
  await page.waitForFunction(() => document.title === 'Crossroads · Sidecar');
  await page.getByRole('link', { name: 'All conversations' }).click();
  await page.waitForFunction(() => document.title === 'History · Sidecar');
  await leave();
});

test('Filters that come with the address are there to be taken away', async () => {
  const { page, leave } = await open('/conversations?title=of+c1&starred=1');
  await page.getByText('Nothing fits').waitFor();
  await page.getByRole('button', { name: 'Clear the filters' }).click();
  await page.getByText('61 conversations').waitFor();
  await page.goto('/search?q=question&role=tool');
  await page.getByText('Nothing found').waitFor();
  await page.getByLabel('Said by').selectOption('Anybody');
  await page.locator('.hit').first().waitFor();
  await page.goto('/search?q=question');
  await page.locator('.hit').first().waitFor();
  expect(await page.getByLabel('Said by').isVisible()).toBe(false);
  await leave();
});

test('What is read stays where it is while the list beside it is narrowed', async () => {
  const { page, leave } = await open('/conversations?title=Crossroads', {
    viewport: { width: 1400, height: 900 },
  });
  await page.getByRole('link', { name: /Crossroads/ }).click();
  await page.getByRole('button', { name: 'Previous version' }).click();
  await page.getByText('To the left.').waitFor();
  await page.getByRole('searchbox', { name: 'Find by title' }).fill('of c11');
  await page.getByRole('link', { name: 'Title of c11' }).waitFor();
  await page.waitForURL(/title=of\+c11/);
  expect(await page.getByText('To the left.').count()).toBe(1);
  expect(page.url()).toContain('message=');
  await leave();
});

test('A link to a message that is no more leads to its conversation', async () => {
  const { page, context } = await open('/conversations?title=Crossroads');
  await page.getByRole('link', { name: /Crossroads/ }).click();
  await page.getByText('To the right.').waitFor();
  await page.goto(`${new URL(page.url()).pathname}?message=TWVzc2FnZTpub25l`);
  await page.getByRole('alert').getByText('not any more').waitFor();
  await page.getByRole('link', { name: 'Read from the beginning' }).click();
  await page.getByText('To the right.').waitFor();
  await context.close();
});

test('The keyboard stays with an import that is stopped and gone on with', async () => {
  const user = await stage.server.asUser();
  const held = stage.server.exports.serve(await exportOf([dialogue('held')]), { held: true });
  const { page, leave } = await visit(stage, '/import', { apiKey: user.apiKey });
  await page.getByText('Nothing imported yet').waitFor();
  await startSync(user.client, held.url);
  const card = page.getByRole('article');
  const hasKeyboard = () =>
    page.waitForFunction(() => document.querySelector('article')?.contains(document.activeElement));
  await card.getByRole('button', { name: 'Stop the import' }).press('Enter');
  await card.getByText('Cancelled', { exact: true }).waitFor();
  await hasKeyboard();
  await card.getByRole('button', { name: 'Go on with it' }).press('Enter');
  await card.getByRole('button', { name: 'Stop the import' }).waitFor();
  await hasKeyboard();
  held.release();
  await card.first().getByText('Complete', { exact: true }).waitFor();
  await hasKeyboard();
  await card.first().getByRole('button', { name: 'Take back' }).press('Enter');
  await page.getByRole('dialog').getByRole('button', { name: 'Take back' }).press('Enter');
  await card.first().getByText('Taken back', { exact: true }).waitFor();
  await hasKeyboard();
  await leave();
});

test('The keyboard stays with the zip that is made', async () => {
  const user = await stage.server.asUser();
  const { page, leave } = await visit(stage, '/account', { apiKey: user.apiKey });
  await page.getByRole('button', { name: 'Make the zip' }).press('Enter');
  await page.getByRole('link', { name: /Download/ }).waitFor();
  await page.getByRole('button', { name: 'Make a new one' }).waitFor();
  const region = page.getByRole('region', { name: 'Take everything with you' });
  expect(await region.evaluate((section) => section.contains(document.activeElement))).toBe(true);
  await leave();
});

test('Signing out that does not work says so', async () => {
  const { page, context } = await open('/search');
  await page.route('**/auth/logout', (route) => route.abort());
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('alert').getByText('The server cannot be reached.').waitFor();
  await context.close();
});

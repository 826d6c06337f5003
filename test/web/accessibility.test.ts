import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { exportOf, type ServedFile, zipOf } from '../support/exports.ts';
import { startSync, sync } from '../support/syncs.ts';
import { setWebStage, violationsOf, visit } from './stage.ts';

const stage = setWebStage();

let held: ServedFile;
beforeAll(async () => {
  const { client, exports } = stage.server;
  const mixed = ['one', 'two', 'broken'].map((id) => JSON.stringify(dialogue(id)));
  const text = `[${mixed.join(',')}]`.replace('"answer of broken"', '"answer of broken" lost');
  await sync(client, exports.serve(await zipOf({ 'conversations.json': text })).url);
  await sync(client, exports.serve('no zip').url);
  held = exports.serve(await exportOf([dialogue('held')]), { held: true });
  await startSync(client, held.url);
});
afterAll(() => held.release());

const desk = { width: 1280, height: 900 };
const phone = { width: 360, height: 740 };

describe.each([
  { name: 'in light colours', colorScheme: 'light', viewport: desk },
  { name: 'in dark colours', colorScheme: 'dark', viewport: desk },
  { name: 'on a phone', colorScheme: 'light', viewport: phone },
  { name: 'on a phone in the dark', colorScheme: 'dark', viewport: phone },
] as const)('$name', ({ colorScheme, viewport }) => {
  const look = { colorScheme, viewport };

  test('the way in has no violation, fits, and breaks no policy', async () => {
    const { page, leave } = await visit(stage, '/', look);
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(await violationsOf(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(viewport.width);
    await leave();
  });

  test('the import page has no violation, fits, and breaks no policy', async () => {
    const { page, leave } = await visit(stage, '/import', { apiKey: stage.server.apiKey, ...look });
    await page.getByRole('progressbar').waitFor();
    await page.getByText('Import from an address').click();
    await page.getByText('What was left out, and why').first().click();
    await page.getByRole('listitem').filter({ hasText: 'Failed' }).waitFor();
    expect(await violationsOf(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(viewport.width);
    await page.getByRole('button', { name: 'Take back' }).first().click();
    await page.getByRole('dialog').waitFor();
    expect(await violationsOf(page)).toEqual([]);
    await leave();
  });
});

test('The colours that were chosen stay, whatever the system prefers', async () => {
  const { page, leave } = await visit(stage, '/', { colorScheme: 'light' });
  const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
  const before = await background();
  await page.getByRole('button', { name: 'Dark colours' }).click();
  expect(await background()).not.toBe(before);
  await page.reload();
  await page.getByRole('button', { name: 'Light colours' }).waitFor();
  expect(await background()).not.toBe(before);
  await leave();
});

test('The keyboard alone passes the navigation and opens the choice of a file', async () => {
  const { page, leave } = await visit(stage, '/import', { apiKey: stage.server.apiKey });
  await page.getByRole('progressbar').waitFor();
  await page.keyboard.press('Tab');
  await page.getByRole('button', { name: 'Skip to the content' }).waitFor();
  await page.keyboard.press('Enter');
  expect(await page.evaluate('document.activeElement.tagName')).toBe('MAIN');
  const chosen = page.waitForEvent('filechooser');
  const choose = page.locator('button', { hasText: 'Choose a file' });
  for (let steps = 0; steps < 20; steps++) {
    await page.keyboard.press('Tab');
    if (await choose.evaluate((button) => button === document.activeElement)) break;
  }
  await page.keyboard.press('Enter');
  await chosen;
  await leave();
});

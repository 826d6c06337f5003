import type { Locator, Page, Route } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { exportOf, zipOf } from '../support/exports.ts';
import { holdImportsAfter } from '../support/gate.ts';
import { backends } from '../support/server.ts';
import { startSync } from '../support/syncs.ts';
import { setWebStage, visit } from './stage.ts';

const conversations = (count: number, prefix = 'c') =>
  Array.from({ length: count }, (_, index) => dialogue(`${prefix}${index}`));

const zipFile = (name: string, buffer: Buffer) => ({ name, mimeType: 'application/zip', buffer });

/** The card of an import of this file. */
const cardOf = (page: Page, name: string) => page.getByRole('article', { name });
const countOf = (card: Locator, name: string) =>
  card.locator('.counts > div').filter({ hasText: name }).locator('dd').first().textContent();

describe.each(backends)('Imports on the %s back end', (backend) => {
  const stage = setWebStage({ backend });

  test('A zip that is chosen is sent and imported, and what came of it stands there after a reload', async () => {
    const user = await stage.server.asUser();
    const { page, leave } = await visit(stage, '/import', { apiKey: user.apiKey });
    await page.getByText('Nothing imported yet').waitFor();
    await page
      .getByLabel('Choose a file')
      .setInputFiles(zipFile('mine.zip', await exportOf(conversations(3))));
    const card = cardOf(page, 'mine.zip');
    await card.getByText('Complete', { exact: true }).waitFor();
    expect(await countOf(card, 'added')).toBe('3');
    await page.reload();
    await card.getByText('Complete', { exact: true }).waitFor();
    expect(await page.evaluate(() => localStorage.length)).toBe(0);
    await leave();
  });

  test('An import of an address shows phase, share and counts while it runs, and can be stopped, gone on with and taken back', async () => {
    const user = await stage.server.asUser();
    const gate = await holdImportsAfter(stage.server.databaseUrl, 1);
    const file = stage.server.exports.serve(await exportOf(conversations(600, 'u'), { perShard: 100 }));
    const { page, leave } = await visit(stage, '/import', { apiKey: user.apiKey });
    await page.getByText('Import from an address').click();
    await page.getByRole('group').getByLabel('Address of the export').fill(file.url);
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    const card = cardOf(page, new URL(file.url).host);
    await card.getByText('Importing conversations').waitFor();
    const bar = card.getByRole('progressbar');
    expect(Number(await bar.getAttribute('aria-valuenow'))).toBeLessThan(100);
    await page.reload();
    await bar.waitFor();
    await card.getByRole('button', { name: 'Stop the import' }).click();
    await gate.open();
    await card.getByText('Cancelled', { exact: true }).waitFor();
    await card.getByRole('button', { name: 'Go on with it' }).click();
    await card.first().getByText('Complete', { exact: true }).waitFor();
    await card.first().getByRole('button', { name: 'Take back' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Take back' }).click();
    await card.first().getByText('Taken back', { exact: true }).waitFor();
    expect(await page.getByRole('dialog').count()).toBe(0);
    await leave();
  });
});

describe('The import page', () => {
  const stage = setWebStage();

  test('tells in words what could not be imported, and imports it again on demand', async () => {
    const user = await stage.server.asUser();
    // One whose end is missing, as JSON alone.
    const texts = ['whole', 'broken'].map((id) => JSON.stringify(dialogue(id)));
    const text = `[${texts.join(',')}]`.replace('"answer of broken"', '"answer of broken" lost');
    const zip = await zipOf({ 'conversations.json': text });
    const { page, leave } = await visit(stage, '/import', { apiKey: user.apiKey });
    await page.getByLabel('Choose a file').setInputFiles(zipFile('broken.zip', zip));
    const card = cardOf(page, 'broken.zip');
    await card.getByText('In part', { exact: true }).waitFor();
    await card.getByText('What was left out, and why').click();
    await card.getByRole('listitem').filter({ hasText: 'Failed' }).waitFor();
    expect(await countOf(card, 'failed')).toBe('1');
    await card.getByRole('button', { name: 'Retry what failed' }).waitFor();
    await leave();
  });

  test('tells of what was noted while everything else came in', async () => {
    const user = await stage.server.asUser();
    const zip = await zipOf({
      'conversations-000.json': JSON.stringify(conversations(1, 'first')),
      'conversations-002.json': JSON.stringify(conversations(1, 'third')),
    });
    const { page, leave } = await visit(stage, '/import', { apiKey: user.apiKey });
    await page.getByLabel('Choose a file').setInputFiles(zipFile('gap.zip', zip));
    const card = cardOf(page, 'gap.zip');
    await card.getByText('Complete', { exact: true }).waitFor();
    await card.getByText('What was left out, and why').click();
    await card.getByText('conversations-001.json').waitFor();
    await page
      .getByLabel('Choose a file')
      .setInputFiles(zipFile('whole.zip', await exportOf(conversations(1, 'whole'))));
    const whole = cardOf(page, 'whole.zip');
    await whole.getByText('Complete', { exact: true }).waitFor();
    expect(await whole.getByText('What was left out, and why').count()).toBe(0);
    await leave();
  });

  test('refuses a file that is no zip before it is sent', async () => {
    const { page, leave } = await visit(stage, '/import', { apiKey: stage.server.apiKey });
    const text = { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('Not a zip') };
    await page.getByLabel('Choose a file').setInputFiles(text);
    await page.getByRole('alert').getByText('This is not a zip file.').waitFor();
    await leave();
  });

  test('takes a zip that is dropped on it', async () => {
    const user = await stage.server.asUser();
    const zip = await exportOf(conversations(2, 'dropped'));
    const { page, leave } = await visit(stage, '/import', { apiKey: user.apiKey });
    const target = page.getByRole('region', { name: 'Drop the export here' });
    await target.waitFor();
    const transfer = await page.evaluateHandle((base64) => {
      const dropped = new DataTransfer();
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      dropped.items.add(new File([bytes], 'dropped.zip', { type: 'application/zip' }));
      return dropped;
    }, zip.toString('base64'));
    await target.dispatchEvent('drop', { dataTransfer: transfer });
    await cardOf(page, 'dropped.zip').getByText('Complete', { exact: true }).waitFor();
    await leave();
  });

  test('keeps a file that is chosen while another import runs, and sends it when that is over', async () => {
    const user = await stage.server.asUser();
    const held = stage.server.exports.serve(await exportOf(conversations(2, 'held')), { held: true });
    await startSync(user.client, held.url);
    const { page, complaints, context } = await visit(stage, '/import', { apiKey: user.apiKey });
    await page.getByRole('progressbar').waitFor();
    await page
      .getByLabel('Choose a file')
      .setInputFiles(zipFile('next.zip', await exportOf([dialogue('next')])));
    await page.getByText('This file is sent when that is over').waitFor();
    held.release();
    await cardOf(page, 'next.zip').getByText('Complete', { exact: true }).waitFor();
    await context.close();
    // Of the answer that refused it at first.
    expect(complaints).toEqual([expect.stringContaining('409')]);
  });

  test('imports a file that was sent while another import began, though the page was left meanwhile', async () => {
    const user = await stage.server.asUser();
    const held = stage.server.exports.serve(await exportOf(conversations(2, 'first')), { held: true });
    const { page, complaints, context } = await visit(stage, '/import', { apiKey: user.apiKey });
    const begin = async (route: Route) => {
      await startSync(user.client, held.url);
      await route.continue();
    };
    await page.route('**/sync/upload/resumable/*', begin, { times: 1 });
    await page
      .getByLabel('Choose a file')
      .setInputFiles(zipFile('sent.zip', await exportOf([dialogue('sent')])));
    const notice = page.getByText('It is imported when the import that is running is over.');
    await notice.waitFor();
    await page.reload();
    await notice.waitFor();
    held.release();
    await cardOf(page, 'sent.zip').getByText('Complete', { exact: true }).waitFor();
    await context.close();
    expect(complaints.filter((text) => !text.includes('409'))).toEqual([]);
  });

  test('says what the server refuses, beside the field', async () => {
    const { page, leave } = await visit(stage, '/import', { apiKey: stage.server.apiKey });
    await page.getByText('Import from an address').click();
    await page.getByRole('group').getByLabel('Address of the export').fill('http://10.0.0.1/export.zip');
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    await page
      .getByRole('alert')
      .or(page.getByText('Failed', { exact: true }))
      .first()
      .waitFor();
    await leave();
  });

  test('sets a schedule, and shows when the next import is due', async () => {
    const user = await stage.server.asUser();
    const file = stage.server.exports.serve(await exportOf([dialogue('by-schedule')]));
    const { page, leave } = await visit(stage, '/import', { apiKey: user.apiKey });
    const schedule = page.getByRole('region', { name: 'Import by itself' });
    await schedule.getByLabel('Address of the export').fill(file.url);
    await schedule.getByLabel('Fetch it regularly').check();
    await schedule.getByLabel('Every').fill('12');
    await schedule.getByRole('button', { name: 'Save' }).click();
    await schedule.getByText('Saved.').waitFor();
    await page.reload();
    await schedule.getByText('Leave empty to keep the address that is stored.').waitFor();
    expect(await schedule.getByLabel('Every').inputValue()).toBe('12');
    expect(await page.content()).not.toContain(file.url);
    await leave();
  });
});

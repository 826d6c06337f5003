import { beforeAll, describe, expect, test } from 'vitest';
import { chatGpt, dialogue, node, say } from '../../archive/builders.ts';
import { exportOf, zipOf } from '../../support/exports.ts';
import type { TestUser } from '../../support/server.ts';
import { sync } from '../../support/syncs.ts';
import { until } from '../../support/until.ts';
import { setWebStage, violationsOf, visit } from '../stage.ts';
import { branched, formatted, long, WORD } from './archive.ts';

const stage = setWebStage();
let reader: TestUser;

beforeAll(async () => {
  reader = await stage.server.asUser();
  const rest = Array.from({ length: 300 }, (_, index) => dialogue(`c${index}`, { title: `Filler ${index}` }));
  const { url } = stage.server.exports.serve(await exportOf([...rest, branched(), long(130), formatted()]));
  await sync(reader.client, url);
});

const open = (path: string, options = {}) => visit(stage, path, { apiKey: reader.apiKey, ...options });

test('The list holds all conversations, draws those in sight only, and narrows by what one types', async () => {
  const { page, leave } = await open('/conversations');
  await page.getByText('303 conversations').waitFor();
  const rows = page.getByRole('list', { name: 'Conversations' }).getByRole('link');
  expect(await rows.count()).toBeLessThan(60);
  await page.locator('.list-scroll').evaluate((list) => list.scrollTo(0, list.scrollHeight));
  await page
    .getByRole('listitem')
    .filter({ hasText: /Filler/ })
    .first()
    .waitFor();
  await page.locator('li[aria-posinset="303"]').getByRole('link').waitFor();
  await page.getByRole('searchbox', { name: 'Find by title' }).fill('crossr');
  await page.getByText('1 conversation', { exact: true }).waitFor();
  await page.getByRole('link', { name: /Crossroads/ }).click();
  await page.getByRole('heading', { name: 'Crossroads' }).waitFor();
  await page.getByText('Filters', { exact: true }).click();
  const model = page.getByLabel('Model');
  await model.fill('none');
  await model.press('Enter');
  await page.getByText('Nothing fits').waitFor();
  await page.getByRole('button', { name: 'Clear the filters' }).click();
  await page.getByText('303 conversations').waitFor();
  expect(await model.inputValue()).toBe('');
  await leave();
});

test('The arrows lead from one conversation of the list to the next', async () => {
  const { page, leave } = await open('/conversations?title=Filler+1');
  const rows = page.getByRole('list', { name: 'Conversations' }).getByRole('link');
  await rows.first().focus();
  const second = await rows.nth(1).getAttribute('href');
  await page.keyboard.press('ArrowDown');
  await page.waitForFunction((href) => document.activeElement?.getAttribute('href') === href, second);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: /Filler 1/ }).waitFor();
  await leave();
});

test('Another version of a message is shown with what followed it, and the address keeps it', async () => {
  const { page, leave } = await open('/conversations?title=Crossroads');
  await page.getByRole('link', { name: /Crossroads/ }).click();
  await page.getByText('To the right.').waitFor();
  const versions = page.getByRole('group', { name: 'Version 2 of 2' });
  await page.evaluate(() => {
    const observer = new MutationObserver(() => {
      if (document.querySelector('.conversation .skeleton')) document.body.dataset.flashed = 'yes';
    });
    observer.observe(document.body, { childList: true, subtree: true });
  });
  await versions.getByRole('button', { name: 'Previous version' }).press('Enter');
  await page.getByText('To the left.').waitFor();
  await page.waitForFunction(() => document.activeElement?.getAttribute('aria-label') === 'Next version');
  expect(await page.evaluate(() => document.body.dataset.flashed)).toBe(undefined);
  expect(page.url()).toContain('title=Crossroads');
  expect(await page.getByText('Thanks!').count()).toBe(0);
  await page.reload();
  await page.getByText('To the left.').waitFor();
  await page.getByRole('button', { name: 'Next version' }).click();
  await page.getByText('Thanks!').waitFor();
  await leave();
});

test('A long conversation comes as one reads on, and from any message in both directions', async () => {
  const { page, leave } = await open('/conversations?title=long+talk');
  await page.getByRole('link', { name: /A long talk/ }).click();
  await page.getByText('Turn 0.').waitFor();
  expect(await page.getByText('Turn 129.').count()).toBe(0);
  await page.keyboard.press('End');
  const last = page.getByText('Turn 129.');
  for (const turn of [39, 79, 119]) await page.getByText(`Turn ${turn}.`).scrollIntoViewIfNeeded();
  await last.scrollIntoViewIfNeeded();
  await page
    .getByRole('listitem')
    .filter({ hasText: 'Turn 119.' })
    .getByRole('link', { name: 'Link to this message' })
    .click();
  await page.locator('.anchored').getByText('Turn 119.').waitFor();
  expect(await page.getByText('Turn 0.').count()).toBe(0);
  await page.getByText('Turn 60.').waitFor();
  await page.getByRole('button', { name: 'Show earlier messages' }).click();
  await page.getByText('Turn 20.').waitFor();
  await leave();
});

test('What was read of a long conversation is not drawn anew for what comes', async () => {
  const { page, leave } = await open('/conversations?title=long+talk');
  // Each drawing looks at the text first.
  await page.evaluate(() => {
    const { matchAll } = String.prototype;
    document.body.dataset.drawn = '0';
    String.prototype.matchAll = function (pattern) {
      if (String(this) === 'Turn 1.') document.body.dataset.drawn += 'x';
      return matchAll.call(this, pattern);
    };
  });
  const drawn = () => page.evaluate(() => document.body.dataset.drawn);
  await page.getByRole('link', { name: /A long talk/ }).click();
  await page.getByText('Turn 1.', { exact: true }).waitFor();
  await page.getByText('Turn 39.').waitFor();
  const before = await drawn();
  expect(before).toContain('x');
  for (const turn of [39, 79, 119]) await page.getByText(`Turn ${turn}.`).scrollIntoViewIfNeeded();
  await page.getByText('Turn 129.').waitFor();
  expect(await drawn()).toBe(before);
  await leave();
});

test('A message that is gone back to after a while is still among those around it', async () => {
  const { page, leave } = await open('/conversations?title=Crossroads');
  await page.clock.install();
  await page.getByRole('link', { name: /Crossroads/ }).click();
  const first = page.getByRole('listitem').filter({ hasText: 'Which way?' });
  await first.getByRole('link', { name: 'Link to this message' }).click();
  await page.locator('.anchored').getByText('Which way?').waitFor();
  await page.getByRole('link', { name: 'Import', exact: true }).click();
  await page.getByRole('heading', { name: 'Import', exact: true }).waitFor();
  await page.clock.fastForward(120_000);
  let asked = 0;
  page.on('requestfinished', (request) => {
    if (request.postData()?.includes('query Messages')) asked += 1;
  });
  await page.goBack();
  // What comes before it, and then itself.
  await until('all of it is asked for anew', () => asked === 2);
  await page.locator('.anchored').getByText('Which way?').waitFor();
  await leave();
});

test('Markdown, code, and mathematics are drawn, and reasoning is folded', async () => {
  const { page, leave } = await open('/conversations?title=Formats');
  await page.getByRole('link', { name: /Formats/ }).click();
  await page.locator('.markdown strong').getByText('bold').waitFor();
  await page.locator('math mfrac').waitFor();
  await page.locator('.hljs-keyword').getByText('const').waitFor();
  expect(await page.locator('.markdown td').allTextContents()).toEqual(['1', '2']);
  // What somebody typed is shown as they typed it.
  await page.getByText('Show me *everything*.').waitFor();
  expect(await page.getByText('deep').isVisible()).toBe(false);
  // As over http from another machine.
  await page.evaluate(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
  await page.locator('.code-block').getByRole('button', { name: 'Copy' }).click();
  await page.getByRole('button', { name: 'Copied' }).waitFor();
  const box = page.getByRole('searchbox', { name: 'Find by title' });
  await box.fill('');
  await box.press('ControlOrMeta+V');
  await page.waitForFunction(
    () => document.querySelector<HTMLInputElement>('[type=search]')?.value === 'const answer = 42;',
  );
  await page.getByText('Reasoning').click();
  await page.getByText('deep').waitFor();
  expect(await violationsOf(page)).toEqual([]);
  await leave();
});

test('A conversation is renamed, archived, exported and deleted', async () => {
  const user = await stage.server.asUser();
  await sync(user.client, stage.server.exports.serve(await exportOf([dialogue('mine')])).url);
  const { page, leave } = await visit(stage, '/conversations', { apiKey: user.apiKey });
  await page.getByRole('link', { name: /Title of mine/ }).click();
  await page.getByRole('button', { name: 'Rename' }).click();
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => document.activeElement?.textContent?.trim() === 'Rename');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').getByLabel('Title').fill('Renamed');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: 'Renamed' }).waitFor();
  await page.getByRole('link', { name: /Renamed/ }).waitFor();
  await page.getByRole('button', { name: 'Archive' }).click();
  await page.getByRole('button', { name: 'Take out of the archive' }).waitFor();
  const exports = page.getByText('Export', { exact: true });
  const formats = page.getByRole('link', { name: 'Markdown' });
  await exports.click();
  await page.keyboard.press('Escape');
  await formats.waitFor({ state: 'hidden' });
  await exports.click();
  await page.getByRole('heading', { name: 'Renamed' }).click();
  await formats.waitFor({ state: 'hidden' });
  await exports.click();
  const download = page.waitForEvent('download');
  await formats.click();
  expect((await download).suggestedFilename()).toMatch(/\.md$/);
  await page.getByRole('button', { name: 'Delete' }).click();
  expect(await violationsOf(page)).toEqual([]);
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByText('Your history is empty').waitFor();
  await page.getByText('Choose a conversation').waitFor({ state: 'hidden' });
  await leave();
});

test('Images are shown in place, sound can be played, and what is missing says so', async () => {
  const user = await stage.server.asUser();
  const pixel = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  );
  const attachments = [
    { id: 'file-image', name: 'dot.png', mime_type: 'image/png' },
    { id: 'file-gone', name: 'gone.pdf', mime_type: 'application/pdf' },
    { id: 'file-sound', name: 'voice.wav', mime_type: 'audio/wav' },
  ];
  const { mapping } = chatGpt([
    node('q', null, say('user', 'look', { metadata: { attachments } }), { children: [] }),
  ]);
  const conversation = dialogue('files', { mapping, current_node: 'q', title: 'With files' });
  const zip = await zipOf({
    'conversations.json': JSON.stringify([conversation]),
    'file-image-dot.png': pixel,
    'file-sound-voice.wav': Buffer.from('RIFF$\0\0\0WAVEfmt ', 'latin1'),
  });
  await sync(user.client, stage.server.exports.serve(zip).url);
  const { page, leave } = await visit(stage, '/conversations', { apiKey: user.apiKey });
  await page.getByRole('link', { name: /With files/ }).click();
  const image = page.getByRole('img', { name: 'dot.png' });
  await image.waitFor();
  await page.waitForFunction(
    () => document.querySelector<HTMLImageElement>('.file-image')?.naturalWidth === 1,
  );
  await page.locator('audio[aria-label="voice.wav"]').waitFor();
  await page.getByText('gone.pdf is not in the export.').waitFor();
  await leave();
});

test('A conversation that is not there says so', async () => {
  const { page, leave } = await open(
    '/conversations/Q29udmVyc2F0aW9uOjAxOTNhYmNkLTAwMDAtNzAwMC04MDAwLTAwMDAwMDAwMDAwMA',
  );
  await page.getByRole('heading', { name: 'This conversation is not here' }).waitFor();
  await leave();
});

describe.each([
  { name: 'in the light', colorScheme: 'light', viewport: { width: 1280, height: 900 } },
  { name: 'in the dark', colorScheme: 'dark', viewport: { width: 1280, height: 900 } },
  { name: 'on a phone', colorScheme: 'light', viewport: { width: 360, height: 740 } },
] as const)('Reading $name', ({ colorScheme, viewport }) => {
  test('has no violation and fits', async () => {
    const { page, leave } = await open('/conversations', { colorScheme, viewport });
    await page.getByText('303 conversations').waitFor();
    await page.getByText('Filters').click();
    expect(await violationsOf(page)).toEqual([]);
    const sticksOut = (field: Element) =>
      field.getBoundingClientRect().right > (field.closest('.list')?.getBoundingClientRect().right ?? 0) - 8;
    expect(await page.getByLabel('Until').evaluate(sticksOut)).toBe(false);
    await page.getByRole('searchbox', { name: 'Find by title' }).fill('Formats');
    await page.getByRole('link', { name: /Formats/ }).click();
    await page.locator('math mfrac').waitFor();
    // A table that is too wide is moved in its own box, and its words are whole.
    const box = page.locator('.table-box[tabindex="0"]');
    await box.press('ArrowRight');
    await page.waitForFunction(
      () => (document.querySelector('.table-box[tabindex="0"]')?.scrollLeft ?? 0) > 0,
    );
    const linesOf = (cell: Element) => {
      const range = document.createRange();
      range.selectNodeContents(cell);
      return range.getClientRects().length;
    };
    expect(await box.getByText(WORD).first().evaluate(linesOf)).toBe(1);
    expect(await violationsOf(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(viewport.width);
    await leave();
  });
});

import { beforeAll, describe, expect, test } from 'vitest';
import { about } from '../support/chats.ts';
import { exportOf } from '../support/exports.ts';
import type { TestUser } from '../support/server.ts';
import { sync } from '../support/syncs.ts';
import { setWebStage, violationsOf, visit } from './stage.ts';

const stage = setWebStage();
let user: TestUser;

beforeAll(async () => {
  user = await stage.server.asUser();
  const talks = [
    about(
      'ada',
      'Who wrote the first program?',
      'Ada Lovelace wrote it for the Analytical Engine.',
      'First programs',
    ),
    about('bread', 'How long does sourdough rest?', 'A sourdough rests overnight.', 'Baking'),
    ...Array.from({ length: 25 }, (_, index) =>
      about(`tea${index}`, `Which tea, number ${index}?`, 'Green tea.'),
    ),
  ];
  await sync(user.client, stage.server.exports.serve(await exportOf(talks)).url);
});

const open = (path: string, options = {}) => visit(stage, path, { apiKey: user.apiKey, ...options });

test('Hits come as one types, marked, and lead to their message', async () => {
  const { page, leave } = await open('/conversations');
  await page.getByText('27 conversations').waitFor();
  await page.keyboard.press('/');
  const box = page.getByRole('searchbox', { name: 'Search your history' });
  await page.waitForFunction(() => document.activeElement?.id === 'search-box');
  await page.keyboard.type('lovelace');
  await page.locator('.hit mark').getByText('Lovelace').waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowUp');
  await page.waitForFunction(() => document.activeElement?.id === 'search-box');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.locator('.anchored').getByText('Ada Lovelace wrote it').waitFor();
  await page.waitForFunction(() => document.activeElement?.classList.contains('anchored'));
  await page.goBack();
  await page.locator('.hit').waitFor();
  expect(await box.inputValue()).toBe('lovelace');
  await leave();
});

test('What is typed the moment the box is there is kept, and so is what follows while the address changes', async () => {
  const { page, leave } = await open('/');
  await page.addInitScript(() => {
    const type = (text: string) => {
      const box = document.getElementById('search-box') as HTMLInputElement;
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')?.set?.call(box, box.value + text);
      box.dispatchEvent(new Event('input', { bubbles: true }));
    };
    // Before React has run what follows a rendering: a real keyboard is seldom so quick, and loses letters then.
    const observer = new MutationObserver(() => {
      if (!document.getElementById('search-box')) return;
      observer.disconnect();
      type('sour');
    });
    observer.observe(document, { childList: true, subtree: true });
    const { replaceState } = history;
    history.replaceState = (...given) => {
      replaceState.apply(history, given);
      if (String(given[2]).endsWith('q=sour')) type('dough');
    };
  });
  await page.goto('/search');
  await page.locator('.hit mark').getByText('sourdough').first().waitFor();
  await leave();
});

test('Filters narrow the hits, and more come on demand', async () => {
  const { page, leave } = await open('/search?q=tea');
  await page.locator('.hit').nth(19).waitFor();
  await page.getByRole('button', { name: 'Show more' }).click();
  await page.locator('.hit').nth(20).waitFor();
  await page.getByText('Filters').click();
  await page.getByLabel('Said by').selectOption('You');
  await page.getByText('25 hits').waitFor();
  await page.getByLabel('Each conversation once').check();
  await page.getByText('25 hits').waitFor();
  expect(page.url()).toContain('once=1');
  await leave();
});

test('A slip of the pen is put right at a click, and nothing found says so', async () => {
  const { page, leave } = await open('/search?q=sourdoough');
  await page.getByText('Nothing found').waitFor();
  await page.getByRole('button', { name: 'sourdough' }).click();
  await page.locator('.hit mark').first().waitFor();
  await leave();
});

test('Nothing found where not all was read says so', async () => {
  const rich = await stage.server.asUser();
  await sync(rich.client, stage.server.exports.serve(await exportOf([about('rich', 'Tea?', 'Tea.')])).url);
  await stage.server.services.database.query(
    `INSERT INTO messages (user_id, conversation_id, node_id, ordinal, sibling_index, sibling_count, on_active_path,
       role, kind, content_type, text)
     SELECT user_id, id, 'n' || n, n, 0, 1, true, 'user', 'VISIBLE', 'text', 'Tea'
     FROM conversations, generate_series(1, 50000) AS n WHERE user_id = $1`,
    [rich.viewer.userId],
  );
  const { page, leave } = await visit(stage, '/search?q=AT%26T', { apiKey: rich.apiKey });
  await page.getByText('Nothing found in your newest messages').waitFor();
  await leave();
});

describe.each([
  { name: 'in the light', colorScheme: 'light', viewport: { width: 1280, height: 900 } },
  { name: 'in the dark', colorScheme: 'dark', viewport: { width: 1280, height: 900 } },
  { name: 'on a phone', colorScheme: 'light', viewport: { width: 360, height: 740 } },
] as const)('Searching $name', ({ colorScheme, viewport }) => {
  test('has no violation and fits', async () => {
    const { page, leave } = await open('/search?q=sourdough', { colorScheme, viewport });
    await page.locator('.hit').first().waitFor();
    await page.getByText('Filters').click();
    expect(await violationsOf(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(viewport.width);
    await leave();
  });
});

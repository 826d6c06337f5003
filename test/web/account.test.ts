import { describe, expect, test } from 'vitest';
import { AUDIT_ACTIONS } from '../../src/domain/audit.ts';
import { texts } from '../../src/web/texts/index.ts';
import { dialogue } from '../archive/builders.ts';
import { dated } from '../support/dated.ts';
import { exportOf } from '../support/exports.ts';
import { sync } from '../support/syncs.ts';
import { until } from '../support/until.ts';
import { setWebStage, violationsOf, visit } from './stage.ts';

const stage = setWebStage();

test('A key is made, works, and works no more once it is revoked', async () => {
  const user = await stage.server.asUser();
  const { page, leave } = await visit(stage, '/account', { apiKey: user.apiKey });
  const keys = page.getByRole('region', { name: 'API keys' });
  await keys.getByLabel('Name').fill('laptop');
  await keys.getByRole('button', { name: 'Make a key' }).click();
  const key = (await keys.locator('.key-made code').textContent()) ?? '';
  const ask = async () => {
    const response = await fetch(`${stage.server.url}/sync/config`, { headers: { 'X-API-Key': key } });
    return response.status;
  };
  expect(await ask()).toBe(200);
  await keys.getByRole('button', { name: 'Revoke laptop' }).press('Enter');
  await keys.getByText('Revoked').waitFor();
  await page.waitForFunction(() => document.activeElement?.textContent?.includes('Revoked'));
  expect(await keys.getByRole('listitem').and(page.locator(':focus')).count()).toBe(1);
  await page.getByRole('table').getByText('Revoked an API key').waitFor();
  expect(await ask()).toBe(401);
  await page.reload();
  await keys.getByText('laptop').waitFor();
  expect(await page.getByText(key).count()).toBe(0);
  await leave();
});

test('Another browser is signed out from here, or all others at once, and finds itself at the door', async () => {
  const user = await stage.server.asUser();
  const here = await visit(stage, '/account', { apiKey: user.apiKey });
  const others = [];
  for (let count = 0; count < 3; count++)
    others.push(await visit(stage, '/account', { apiKey: user.apiKey }));
  await here.page.reload();
  const sessions = here.page.getByRole('region', { name: 'Where you are signed in' });
  const rows = sessions.getByRole('listitem');
  const expectRows = (count: number) =>
    until(`${count} sessions`, async () => (await rows.count()) === count);
  await expectRows(4);
  await rows.getByRole('button').first().press('Enter');
  await expectRows(3);
  // The keyboard is on the row in that one's place, and goes on from there.
  await rows.and(here.page.locator(':focus')).waitFor();
  await sessions.getByRole('button', { name: 'Sign out all others' }).press('Enter');
  await expectRows(1);
  await sessions.locator('.row:focus').getByText('Sign out everywhere').waitFor();
  await here.page.getByText('Signed out all other browsers').waitFor();
  for (const { page, leave } of others) {
    await page.reload();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await leave();
  }
  await sessions.getByRole('button', { name: 'Sign out everywhere' }).click();
  await here.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await here.leave();
});

test('Everything that the log can tell of is said in words', () => {
  expect(Object.keys(texts.account.audit.actions).toSorted()).toEqual(AUDIT_ACTIONS.toSorted());
});

test('Everything is made into a zip that can be fetched, and the log tells of it', async () => {
  const user = await stage.server.asUser();
  await sync(user.client, stage.server.exports.serve(await exportOf([dialogue('kept')])).url);
  const { page, leave } = await visit(stage, '/account', { apiKey: user.apiKey });
  await page.getByRole('button', { name: 'Make the zip' }).click();
  const link = page.getByRole('link', { name: /^Download/ });
  await link.waitFor();
  const download = page.waitForEvent('download');
  await link.click();
  expect((await download).suggestedFilename()).toMatch(/\.zip$/);
  await page.reload();
  await page
    .getByRole('region', { name: 'What was done with your account' })
    .getByText('Started an import')
    .waitFor();
  await leave();
});

test('An account is deleted only by who types the sentence', async () => {
  const user = await stage.server.asUser();
  await sync(user.client, stage.server.exports.serve(await exportOf([dialogue('lost')])).url);
  const { page, leave } = await visit(stage, '/account', { apiKey: user.apiKey });
  await page.getByRole('button', { name: 'Delete my account' }).click();
  const button = page.getByRole('button', { name: 'Delete everything' });
  expect(await button.isDisabled()).toBe(true);
  expect(await violationsOf(page)).toEqual([]);
  await page.getByRole('dialog').getByRole('textbox').fill('delete my account');
  await button.click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  expect(
    await stage.server.services.prisma.conversation.count({ where: { userId: user.viewer.userId } }),
  ).toBe(0);
  await leave();
});

test('Insights show what was counted, as charts and as tables', async () => {
  const user = await stage.server.asUser();
  const conversations = [
    dated('counted', 'Counting apples', [
      { role: 'user', at: '2024-04-15T12:00:00Z', text: 'How many?' },
      { role: 'assistant', at: '2024-06-15T12:01:00Z', text: 'Three.', model: 'gpt-4o' },
      { role: 'assistant', at: '2009-04-15T12:00:00Z', text: 'Said by a slow clock.', model: 'o3' },
      { role: 'assistant', at: '5000-01-01T00:00:00Z', text: 'Said by a broken clock.', model: 'o3' },
    ]),
    dated('more', 'More apples', [{ role: 'user', at: '2024-06-16T12:00:00Z', text: 'And now?' }]),
  ];
  await sync(user.client, stage.server.exports.serve(await exportOf(conversations)).url);
  const { page, leave } = await visit(stage, '/insights', { apiKey: user.apiKey });
  await page.getByRole('definition').filter({ hasText: /^5$/ }).waitFor();
  expect(await page.getByRole('definition').allTextContents()).toEqual(['2', '5', 'Apr 2024', 'Jun 2024']);
  await page.getByRole('img', { name: 'Hours of the day' }).waitFor();
  await page.getByText('As a table').first().click();
  const months = page.getByRole('table').first().getByRole('row');
  expect(await months.allTextContents()).toEqual([
    'MonthYouAssistants',
    '2024-0410',
    '2024-0500',
    '2024-0611',
  ]);
  await page.getByText('2 messages are not drawn by month').waitFor();
  expect(await violationsOf(page)).toEqual([]);
  await page.getByRole('link', { name: /^apples/ }).click();
  await page.locator('.hit mark').getByText('apples').first().waitFor();
  await leave();
});

test('Insights of messages without a time draw nothing over time, and say so', async () => {
  const user = await stage.server.asUser();
  await sync(user.client, stage.server.exports.serve(await exportOf([dialogue('timeless')])).url);
  const { page, leave } = await visit(stage, '/insights', { apiKey: user.apiKey });
  await page.getByText('there is nothing to draw over time').waitFor();
  expect(await page.getByRole('term').allTextContents()).toEqual(['Conversations', 'Messages']);
  expect(await page.locator('canvas').count()).toBe(0);
  await leave();
});

describe.each([
  { name: 'in the light', colorScheme: 'light', viewport: { width: 1280, height: 900 } },
  { name: 'in the dark', colorScheme: 'dark', viewport: { width: 1280, height: 900 } },
  { name: 'on a phone', colorScheme: 'light', viewport: { width: 360, height: 740 } },
] as const)('Account, insights and chat $name', ({ colorScheme, viewport }) => {
  test('have no violation and fit', async () => {
    const user = await stage.server.asUser();
    const talk = dated('shown', 'Shown', [{ role: 'user', at: '2024-06-16T12:00:00Z', text: 'Well?' }]);
    await sync(user.client, stage.server.exports.serve(await exportOf([talk])).url);
    const { page, leave } = await visit(stage, '/account', { apiKey: user.apiKey, colorScheme, viewport });
    const expectFit = async () => {
      expect(await violationsOf(page)).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(viewport.width);
    };
    await page.getByRole('table').waitFor();
    await expectFit();
    await page.goto('/insights');
    await page.getByRole('img', { name: 'Hours of the day' }).waitFor();
    await page.getByText('Jun 16, 2024').first().waitFor();
    await expectFit();
    await page.goto('/chat');
    await page.getByText('None yet.').waitFor();
    await expectFit();
    await leave();
  });
});

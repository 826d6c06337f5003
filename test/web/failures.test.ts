import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Page } from 'playwright-core';
import { beforeAll, expect, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import type { TestUser } from '../support/server.ts';
import { sync } from '../support/syncs.ts';
import { until } from '../support/until.ts';
import { long } from './reading/archive.ts';
import { setWebStage, visit } from './stage.ts';

const stage = setWebStage();
let reader: TestUser;
beforeAll(async () => {
  reader = await stage.server.asUser();
  const rest = Array.from({ length: 120 }, (_, index) => dialogue(`c${index}`));
  await sync(reader.client, stage.server.exports.serve(await exportOf([...rest, long(130)])).url);
});

/** Answers what asks for this as a server does that met what it did not expect. Answers how often it was asked, and how to stop. */
async function refuse(page: Page, asks: (body: string) => boolean) {
  const refused = { count: 0, stop: () => page.unroute('**/graphql') };
  await page.route('**/graphql', async (route) => {
    if (!asks(route.request().postData() ?? '')) return route.continue();
    await route.fulfill({
      status: 500,
      headers: { 'X-Request-Id': 'the-id' },
      json: { errors: [{ message: 'Unexpected', extensions: { code: 'INTERNAL' } }] },
    });
    refused.count += 1;
  });
  return refused;
}

/** What the page does with an answer that it has, it has done. */
const settle = (page: Page) =>
  page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));

test('What is read stays on the page when a later look at it fails', async () => {
  const { page, context } = await visit(stage, 'about:blank', { apiKey: reader.apiKey });
  await page.clock.install();
  await page.goto('/conversations?title=of+c7');
  await page
    .getByRole('link', { name: /Title of c7/ })
    .first()
    .click();
  const answer = page.getByText(/^answer of c7/);
  await answer.waitFor();
  await page.clock.fastForward(120_000);
  const refused = await refuse(page, () => true);
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange', { bubbles: true })));
  // Who is signed in, the list, and the conversation.
  await until('all is asked again', () => refused.count >= 3);
  await page.clock.runFor(1_000);
  expect(await answer.isVisible()).toBe(true);
  expect(await page.getByRole('link', { name: /Title of c7/ }).count()).toBeGreaterThan(0);
  await context.close();
});

test('The rest of a conversation that did not come is asked for again by a click', async () => {
  const { page, context } = await visit(stage, '/conversations?title=long+talk', { apiKey: reader.apiKey });
  const refused = await refuse(page, (body) => body.includes('query Messages') && body.includes('"after"'));
  await page.getByRole('link', { name: /A long talk/ }).click();
  await page.getByText('Turn 39.').waitFor();
  await page.getByText('Turn 39.').scrollIntoViewIfNeeded();
  const notice = page.getByRole('alert');
  await notice.getByText('In the log as request the-id').waitFor();
  expect(await page.getByText('Turn 39.').count()).toBe(1);
  const count = await until('it is counted', () => refused.count);
  await settle(page);
  expect(refused.count).toBe(count);
  await refused.stop();
  await notice.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('Turn 79.').waitFor();
  expect(await notice.count()).toBe(0);
  await context.close();
});

test('The rest of the list that did not come is asked for again by a click', async () => {
  const { page, context } = await visit(stage, '/import', { apiKey: reader.apiKey });
  const refused = await refuse(
    page,
    (body) => body.includes('ConversationList') && !body.includes('"after":null'),
  );
  await page.getByRole('link', { name: 'History' }).click();
  const notice = page.getByRole('alert');
  await page.locator('.list-scroll').evaluate((list) => list.scrollTo(0, list.scrollHeight));
  await notice.waitFor();
  const count = await until('it is counted', () => refused.count);
  await settle(page);
  expect(refused.count).toBe(count);
  await refused.stop();
  await notice.getByRole('button', { name: 'Try again' }).click();
  await page.locator('li[aria-posinset="121"]').getByRole('link').waitFor();
  await context.close();
});

test('An answer that breaks off on the way is asked for again', async () => {
  const cut: string[] = [];
  const way = createServer(async (request, response) => {
    const body = await buffer(request);
    const { method, headers, url = '/' } = request;
    const onward = forward(new URL(url, stage.server.url), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      if (cut.length > 0 || !body.includes('ConversationList')) return void answer.pipe(response);
      cut.push(url);
      answer.once('data', (chunk: Buffer) => response.write(chunk.subarray(0, 20), () => response.destroy()));
    });
    onward.end(body);
  });
  await new Promise<void>((resolve) => way.listen(0, '127.0.0.1', resolve));
  const server = { url: `http://127.0.0.1:${(way.address() as AddressInfo).port}` };
  const { page, context } = await visit({ server, browser: stage.browser }, '/conversations', {
    apiKey: reader.apiKey,
  });
  await page.getByText('121 conversations').waitFor();
  expect(cut).toHaveLength(1);
  await context.close();
  way.closeAllConnections();
  way.close();
});

test('What was read for one person is not shown to the next who signs in', async () => {
  const next = await stage.server.asUser();
  const { page, context } = await visit(stage, '/conversations', { apiKey: reader.apiKey });
  const rows = page.getByRole('link', { name: /Title of c/ });
  await rows.first().waitFor();
  await context.request.post('/auth/logout');
  await page.getByRole('link', { name: 'Insights' }).click();
  await page.getByLabel('API key').fill(next.apiKey);
  const gate = Promise.withResolvers<void>();
  await page.route('**/graphql', async (route) => {
    if (route.request().postData()?.includes('ConversationList')) await gate.promise;
    await route.continue();
  });
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: 'History' }).click();
  await page.getByRole('searchbox', { name: 'Find by title' }).waitFor();
  expect(await rows.count()).toBe(0);
  gate.resolve();
  await page.getByText('Your history is empty').waitFor();
  await context.close();
});

test('Too many attempts to sign in are told as that', async () => {
  const { page, context } = await visit(stage, '/');
  await page.route('**/auth/key', (route) =>
    route.fulfill({ status: 429, headers: { 'Retry-After': '60' }, json: { detail: 'Too many requests.' } }),
  );
  await page.getByLabel('API key').fill('sidecar_wrong');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('Wait a minute').waitFor();
  await context.close();
});

import type { BrowserContext, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import { type Gate, holdImportsAfter } from '../support/gate.ts';
import { startHttpProxy } from '../support/http-proxy.ts';
import type { TestUser } from '../support/server.ts';
import { startSync, untilOver } from '../support/syncs.ts';
import { until } from '../support/until.ts';
import { setWebStage, visit } from './stage.ts';

/** More than the six connections that a browser opens to one server over HTTP/1.1. */
const TABS = 8;

const stage = setWebStage();

const bar = (page: Page) => page.getByRole('progressbar');
const complete = (page: Page) => page.getByRole('article').getByText('Complete', { exact: true });
const LOST = 'The live view lost its connection';

/** An import of this user that stops in the middle until the gate opens. */
async function startHeld({ client }: TestUser, name: string): Promise<{ gate: Gate; id: string }> {
  const gate = await holdImportsAfter(stage.server.databaseUrl, 1);
  const conversations = Array.from({ length: 600 }, (_, index) => dialogue(`${name}${index}`));
  const { url } = stage.server.exports.serve(await exportOf(conversations, { perShard: 100 }));
  const { id } = await startSync(client, url);
  return { gate, id };
}

async function openTabs(context: BrowserContext, first: Page): Promise<Page[]> {
  const pages = [first];
  while (pages.length < TABS) {
    const page = await context.newPage();
    await page.goto('/import');
    pages.push(page);
  }
  return pages;
}

test('Eight tabs follow an import at the same time, and leave room for everything else', async () => {
  const user = await stage.server.asUser();
  const { page, context, leave } = await visit(stage, '/import', { apiKey: user.apiKey });
  const pages = await openTabs(context, page);
  const { gate } = await startHeld(user, 'tabs');
  for (const each of pages) await bar(each).waitFor();
  await pages[0]?.goto('/search');
  await pages[0]?.goto('/import');
  await gate.open();
  for (const each of pages) await complete(each).waitFor();
  for (const each of pages) expect(await each.getByText(LOST).count()).toBe(0);
  await leave();
}, 60_000);

test('A tab that was put to sleep holds nobody up, and knows how an import ended once it wakes', async () => {
  const user = await stage.server.asUser();
  const { page, context, leave } = await visit(stage, '/import', { apiKey: user.apiKey });
  const { gate, id } = await startHeld(user, 'asleep');
  await bar(page).waitFor();
  const session = await context.newCDPSession(page);
  await session.send('Page.setWebLifecycleState', { state: 'frozen' });
  const other = await context.newPage();
  await other.goto('/import');
  await bar(other).waitFor();
  await gate.open();
  await untilOver(user.client, id);
  await complete(other).waitFor();
  await session.send('Page.setWebLifecycleState', { state: 'active' });
  await complete(page).waitFor();
  await leave();
}, 60_000);

test('An import that ends while the stream is only about to begin is not missed', async () => {
  const user = await stage.server.asUser();
  const { gate, id } = await startHeld(user, 'between');
  const { page, leave } = await visit(stage, 'about:blank', { apiKey: user.apiKey });
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  let isHeld = false;
  // A server that was just started and is asked by many takes its time.
  await page.routeWebSocket('**/graphql', (socket) => {
    const server = socket.connectToServer();
    let sent = Promise.resolve();
    socket.onMessage((message) => {
      isHeld ||= String(message).includes('syncActivity');
      const passes = isHeld ? released : undefined;
      sent = sent.then(() => passes).then(() => server.send(message));
    });
  });
  await page.goto(`${stage.server.url}/import`);
  await bar(page).waitFor();
  await until('the page is about to subscribe', () => isHeld);
  await page.waitForLoadState('networkidle');
  await gate.open();
  await untilOver(user.client, id);
  release();
  await complete(page).waitFor();
  await leave();
}, 60_000);

test('Behind a proxy that knows no WebSockets progress comes as events', async () => {
  const proxy = await startHttpProxy();
  proxy.lead([stage.server.url]);
  await until('the proxy knows the server', () => proxy.ready().length > 0);
  const user = await stage.server.asUser();
  const { page, context } = await visit({ server: proxy, browser: stage.browser }, '/import', {
    apiKey: user.apiKey,
  });
  await page.getByText('Nothing imported yet').waitFor();
  const { gate } = await startHeld(user, 'proxied');
  await bar(page).waitFor();
  await gate.open();
  await complete(page).waitFor();
  expect(await page.getByText(LOST).count()).toBe(0);
  await context.close();
  await proxy.close();
}, 60_000);

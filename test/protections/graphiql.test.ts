import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openChromium } from '../support/chromium.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

let server: TestServer;
let browser: Browser;
beforeAll(async () => {
  [server, browser] = await Promise.all([
    startTestServer({ backend: 'postgres', worker: false }),
    openChromium(),
  ]);
});
afterAll(async () => {
  await browser.close();
  await server.close();
});

test('GraphiQL works under its policy: it asks nobody but this server and runs a query', async () => {
  const page = await browser.newPage();
  const refused: string[] = [];
  const hosts = new Set<string>();
  page.on('console', (message) => {
    if (/content security policy/i.test(message.text())) refused.push(message.text());
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http')) hosts.add(url.host);
  });
  await page.goto(
    `${server.url}/graphql?query=${encodeURIComponent('query Who { viewer { displayName } }')}`,
  );
  await page.getByRole('button', { name: 'Execute query (Ctrl-Enter)' }).click();
  const result = page.locator('section[aria-label="Operation Response"], section.result-window');
  await until('the answer is shown', async () => (await result.first().textContent())?.includes('viewer'));
  expect(refused).toEqual([]);
  expect([...hosts]).toEqual([new URL(server.url).host]);
});

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

test('The page shows the routes and calls one, with files of this server alone and under its strict policy', async () => {
  const page = await browser.newPage();
  const refused: string[] = [];
  const hosts = new Set<string>();
  page.on('console', (message) => {
    if (message.type() === 'error') refused.push(message.text());
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http')) hosts.add(url.host);
  });
  const answer = await page.goto(`${server.url}/docs`);
  expect(answer?.headers()['content-security-policy']).not.toContain('unsafe');
  const route = page.locator('#operations-healthz-get_healthz');
  await route.locator('.opblock-summary-control').click();
  await route.getByRole('button', { name: 'Try it out' }).click();
  await route.getByRole('button', { name: 'Execute' }).click();
  await until('the answer is shown', async () =>
    (await route.locator('.live-responses-table').allTextContents()).join().includes('"ok": true'),
  );
  expect(await page.locator('.opblock').count()).toBeGreaterThan(30);
  expect(refused).toEqual([]);
  expect([...hosts]).toEqual([new URL(server.url).host]);
});

test('Nothing but the files of the page is served beside it', async () => {
  for (const file of ['package.json', 'index.html', 'constructor', '..%2Fpackage.json', 'swagger-ui.js']) {
    expect((await fetch(`${server.url}/docs/${file}`)).status, file).toBe(404);
  }
  const style = await fetch(`${server.url}/docs/swagger-ui.css`);
  expect(style.headers.get('content-type')).toBe('text/css; charset=utf-8');
});

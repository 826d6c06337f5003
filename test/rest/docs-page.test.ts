import { expect, test } from 'vitest';
import { openPage, setBrowserStage } from '../support/browser-page.ts';
import { until } from '../support/until.ts';

const stage = setBrowserStage();

test('The page shows the routes and calls one, with files of this server alone and under its strict policy', async () => {
  const { page, errors, hosts } = await openPage(stage);
  const answer = await page.goto(`${stage.server.url}/docs`);
  expect(answer?.headers()['content-security-policy']).not.toContain('unsafe');
  const route = page.locator('#operations-healthz-get_healthz');
  await route.locator('.opblock-summary-control').click();
  await route.getByRole('button', { name: 'Try it out' }).click();
  await route.getByRole('button', { name: 'Execute' }).click();
  await until('the answer is shown', async () =>
    (await route.locator('.live-responses-table').allTextContents()).join().includes('"ok": true'),
  );
  expect(await page.locator('.opblock').count()).toBeGreaterThan(30);
  expect(errors).toEqual([]);
  expect([...hosts]).toEqual([new URL(stage.server.url).host]);
});

test('Nothing but the files of the page is served beside it', async () => {
  for (const file of ['package.json', 'index.html', 'constructor', '..%2Fpackage.json', 'swagger-ui.js']) {
    expect((await fetch(`${stage.server.url}/docs/${file}`)).status, file).toBe(404);
  }
  const style = await fetch(`${stage.server.url}/docs/swagger-ui.css`);
  expect(style.headers.get('content-type')).toBe('text/css; charset=utf-8');
});

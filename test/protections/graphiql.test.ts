import { expect, test } from 'vitest';
import { openPage, setBrowserStage } from '../support/browser-page.ts';
import { until } from '../support/until.ts';

const stage = setBrowserStage();

test('GraphiQL works under its policy: it asks nobody but this server and runs a query', async () => {
  const { page, errors, hosts } = await openPage(stage);
  await page.goto(
    `${stage.server.url}/graphql?query=${encodeURIComponent('query Who { viewer { displayName } }')}`,
  );
  await page.getByRole('button', { name: 'Execute query (Ctrl-Enter)' }).click();
  const result = page.locator('section[aria-label="Operation Response"], section.result-window');
  await until('the answer is shown', async () => (await result.first().textContent())?.includes('viewer'));
  expect(errors.filter((text) => /content security policy/i.test(text))).toEqual([]);
  expect([...hosts]).toEqual([new URL(stage.server.url).host]);
});

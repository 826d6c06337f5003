import { setImmediate } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { about, importAll, startChatServer } from '../support/chats.ts';
import { openChromium } from '../support/chromium.ts';
import type { TestUser } from '../support/server.ts';
import { setWebStage, violationsOf, visit } from './stage.ts';

let chats: Awaited<ReturnType<typeof startChatServer>>;
let browser: Browser;
let user: TestUser;
beforeAll(async () => {
  [chats, browser] = await Promise.all([startChatServer(), openChromium()]);
  user = await chats.server.asUser();
  await importAll(chats.server, user.client, [
    about('trees', 'Which trees grow here?', 'Apple trees grow here.'),
  ]);
});
afterAll(async () => {
  await browser.close();
  await chats.close();
});

const open = (path: string, options = {}) =>
  visit({ server: chats.server, browser }, path, { apiKey: user.apiKey, ...options });

test('An answer comes word by word, its numbers lead to what they cite, and the talk is kept', async () => {
  let goOn = () => {};
  const waited = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  chats.model.next(async (answer) => {
    answer.say('Apple trees', ' [1]');
    await waited;
    answer.say(' for **sure**.');
    answer.finish();
  });
  const { page, leave } = await open('/chat');
  await page.getByLabel('Your question').fill('Which trees grow here?');
  await page.keyboard.press('Enter');
  await page.locator('.markdown').getByText('Apple trees').waitFor();
  await page.getByRole('button', { name: 'Stop' }).waitFor();
  goOn();
  await page.locator('.markdown strong').getByText('sure').waitFor();
  await page.getByRole('button', { name: 'What came of it?' }).waitFor();
  expect(await violationsOf(page)).toEqual([]);
  await page.reload();
  await page.locator('.markdown strong').getByText('sure').waitFor();
  await page.getByText('From your history').click();
  await page.getByRole('link', { name: '[1]' }).click();
  await page.locator('.anchored').getByText(/trees/i).first().waitFor();
  await leave();
});

const lines = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => `Line ${from + index} of it.\n\n`).join('');

const isInSight = (page: Page, line: string) =>
  page.waitForFunction((wanted) => {
    const found = [...document.querySelectorAll('.markdown p')].find((p) => p.textContent === wanted);
    return (found?.getBoundingClientRect().top ?? Number.POSITIVE_INFINITY) < innerHeight;
  }, line);

test('Whoever reads the beginning of an answer stays there while the rest comes', async () => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  chats.model.next(async (answer) => {
    answer.say(lines(0, 60));
    await gates[0]?.promise;
    answer.say(lines(60, 60));
    await gates[1]?.promise;
    answer.say(lines(120, 60));
    answer.finish();
  });
  const { page, leave } = await open('/chat');
  await page.getByLabel('Your question').fill('Tell me all of it.');
  await page.keyboard.press('Enter');
  await page.getByText('Line 59 of it.').waitFor();
  gates[0]?.resolve();
  // Who reads along is led along.
  await isInSight(page, 'Line 119 of it.');
  // By the next frame the page has been told of it.
  await page.evaluate(() => {
    scrollTo(0, 0);
    return new Promise((resolve) => requestAnimationFrame(resolve));
  });
  gates[1]?.resolve();
  await page.getByText('Line 179 of it.').waitFor();
  expect(await page.evaluate(() => scrollY)).toBe(0);
  await leave();
});

test('An answer that comes fast is followed to its end', async () => {
  const gate = Promise.withResolvers<void>();
  chats.model.next(async (answer) => {
    for (let from = 0; from < 480; from += 8) {
      answer.say(lines(from, 8));
      await setImmediate();
    }
    await gate.promise;
    answer.finish();
  });
  const { page, leave } = await open('/chat');
  await page.getByLabel('Your question').fill('Tell me all of it.');
  await page.keyboard.press('Enter');
  await isInSight(page, 'Line 479 of it.');
  gate.resolve();
  await leave();
});

test('A question that does not arrive is given back', async () => {
  const { page, context } = await open('/chat');
  const box = page.getByLabel('Your question');
  await box.fill('Which trees grow here?');
  await page.route('**/graphql', (route) => route.abort());
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('The server cannot be reached.').waitFor();
  await page.waitForFunction(() => document.querySelector('textarea')?.value === 'Which trees grow here?');
  await context.close();
});

test('A question that is asked again and does not arrive stays where it stands', async () => {
  chats.model.next((answer) => answer.refuse(500));
  const { page, context } = await open('/chat');
  await page.getByLabel('Your question').fill('Will it be answered?');
  await page.keyboard.press('Enter');
  const again = page.getByRole('button', { name: 'Ask again' });
  await again.waitFor();
  await page.route('**/graphql', (route) => route.abort());
  await again.click();
  await page.getByRole('alert').getByText('The server cannot be reached.').waitFor();
  await page.unroute('**/graphql');
  await again.waitFor();
  expect(await page.getByLabel('Your question').inputValue()).toBe('');
  await context.close();
});

test('A question that one leaves before it arrives is not put to another talk', async () => {
  const { page, context } = await open('/chat');
  const asked = Promise.withResolvers<void>();
  await page.route('**/graphql', (route) => {
    if (!route.request().postData()?.includes('subscription Chat(')) return route.continue();
    asked.resolve();
  });
  await page.getByLabel('Your question').fill('Is it too late?');
  await page.keyboard.press('Enter');
  await asked.promise;
  await page.getByRole('link', { name: 'Which trees grow here?' }).click();
  await page.locator('.markdown strong').getByText('sure').waitFor();
  await page.getByRole('button', { name: 'Ask', exact: true }).waitFor();
  expect(await page.getByLabel('Your question').inputValue()).toBe('');
  await context.close();
});

test('An answer that comes while one goes to another talk is not shown there', async () => {
  let goOn = () => {};
  const waited = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  chats.model.next(async (answer) => {
    answer.say('Half an answer');
    await waited;
    answer.finish();
  });
  const { page, leave } = await open('/chat');
  await page.getByLabel('Your question').fill('Do apple trees wait?');
  await page.keyboard.press('Enter');
  await page.locator('.markdown').getByText('Half an answer').waitFor();
  await page.getByRole('link', { name: 'Which trees grow here?' }).click();
  await page.locator('.markdown strong').getByText('sure').waitFor();
  await page.getByRole('button', { name: 'Ask', exact: true }).waitFor();
  expect(await page.locator('.turn').filter({ hasText: 'Do apple trees wait?' }).count()).toBe(0);
  goOn();
  await leave();
});

test('A model that fails is told of, and the question can be asked again', async () => {
  // The talk is read for the first time while the answer is awaited, and arrives when that is over.
  const read = Promise.withResolvers<void>();
  chats.model.next(async (answer) => {
    await read.promise;
    answer.refuse(500);
  });
  const { page, leave } = await open('/chat');
  let isFirst = true;
  await page.route('**/graphql', async (route) => {
    if (!isFirst || !route.request().postData()?.includes('query ChatSession(')) return route.continue();
    isFirst = false;
    const response = await route.fetch();
    read.resolve();
    await page.getByRole('alert').first().waitFor();
    // And the stream has ended by then.
    await page.evaluate(() => new Promise((resolve) => setTimeout(() => requestAnimationFrame(resolve))));
    // The page may have given it up by then.
    await route.fulfill({ response }).catch(() => undefined);
  });
  await page.getByLabel('Your question').fill('Do trees grow?');
  await page.getByRole('button', { name: 'Ask', exact: true }).click();
  await page.getByRole('alert').first().waitFor();
  await page.getByRole('button', { name: 'Ask again' }).click();
  await page.getByText('Fine').waitFor();
  expect(await page.getByRole('alert').count()).toBe(0);
  await page.getByRole('button', { name: 'Delete this talk: Do trees grow?' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete this talk' }).click();
  await page.waitForURL('**/chat');
  await leave();
});

const plain = setWebStage();

test('Without a model the page says so, and how one is connected', async () => {
  const { page, leave } = await visit(plain, '/chat', { apiKey: plain.server.apiKey });
  await page.getByRole('heading', { name: 'No model answers here yet' }).waitFor();
  await page.getByText('CHAT_BASE_URL').waitFor();
  expect(await page.getByLabel('Your question').count()).toBe(0);
  expect(await violationsOf(page)).toEqual([]);
  await leave();
});

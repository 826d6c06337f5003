import type { CDPSession, Page } from 'playwright-core';
import { encodeId } from '../../src/domain/global-id.ts';
import type { Services } from '../../src/domain/services.ts';
import { printTable } from '../table.ts';

/** What a person does in half a minute, as often as in an hour. */
const ROUNDS = 120;
const MEASURED_AFTER = [10, 60, ROUNDS];
/** Asked for in turn, and as many conversations opened: after ten rounds the pages have all of what they keep for a while. */
const WORDS = 'house world school food children feet large team page important'.split(' ');
/** A row of the second page of the list. */
const SCROLLED_TO = 130;

interface Branched {
  id: string;
  title: string;
}

/**
 * What the pages still hold after the same was done over and over without loading them anew: what grows from one line to the next
 * is held for nothing.
 */
export async function printMemory(page: Page, services: Services, userId: string): Promise<void> {
  const conversations = await findBranched(services, userId);
  const cdp = await page.context().newCDPSession(page);
  await page.goto('/account');
  const table: string[][] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    const [conversation, word] = [conversations[round % conversations.length], WORDS[round % WORDS.length]];
    if (!conversation || !word) throw new Error('No conversation has another version of an early message');
    await useAll(page, conversation, word);
    if (MEASURED_AFTER.includes(round)) table.push([`after ${round} rounds`, ...(await measure(cdp))]);
  }
  printTable(['held by the pages', 'heap, MB', 'nodes', 'listeners'], table);
}

/** Conversations that show another version of one of their first messages. */
async function findBranched(services: Services, userId: string): Promise<Branched[]> {
  const rows = await services.database.query<Branched>(
    `SELECT id, title FROM conversations c WHERE user_id = $1 AND EXISTS (
       SELECT FROM messages m WHERE m.user_id = c.user_id AND m.conversation_id = c.id
         AND on_active_path AND sibling_count > 1 AND kind = 'VISIBLE' AND ordinal < 20
     ) ORDER BY id LIMIT ${WORDS.length}`,
    [userId],
  );
  return rows.map(({ id, title }) => ({ id: encodeId('Conversation', id), title }));
}

/** Every page once, as somebody uses it; ends on the page of the account. */
async function useAll(page: Page, { id, title }: Branched, word: string): Promise<void> {
  const open = (name: string) => page.getByRole('link', { name, exact: true }).click();
  await open('History');
  await page.locator('.list-row').first().hover();
  await page.mouse.wheel(0, 60 * SCROLLED_TO);
  await page.locator(`.list-row[data-index="${SCROLLED_TO}"]`).waitFor();

  await page.getByRole('searchbox', { name: 'Find by title' }).fill(title);
  await page.locator(`.list-row[href*="${id}"]`).click();
  await page.locator('.branch button:enabled').first().click();
  await page.locator('.anchored').waitFor();

  await open('Search');
  await page.locator('#search-box').fill(word);
  await page.waitForURL((url) => url.searchParams.get('q') === word);
  await page.locator('[aria-busy="false"] .hit[href*="message="]').first().click();
  await page.locator('.anchored').waitFor();

  await open('Chat');
  await page.getByRole('heading', { name: 'Chat', exact: true }).waitFor();
  await open('Insights');
  await page.locator('.chart canvas').first().waitFor();
  await open('Account');
  await page.getByRole('table').waitFor();
}

async function measure(cdp: CDPSession): Promise<string[]> {
  await cdp.send('HeapProfiler.collectGarbage');
  const { usedSize } = await cdp.send('Runtime.getHeapUsage');
  const { nodes, jsEventListeners } = await cdp.send('Memory.getDOMCounters');
  return [(usedSize / 1e6).toFixed(1), String(nodes), String(jsEventListeners)];
}

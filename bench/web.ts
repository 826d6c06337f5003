import type { Page } from 'playwright-core';
import { createApiKey } from '../src/domain/api-key.ts';
import { buildWeb, isWebCurrent } from '../src/web-build.ts';
import { openChromium } from '../test/support/chromium.ts';
import { startHttpProcess } from './api/process.ts';
import { type BenchOptions, openStage } from './import/stage.ts';
import { fillArchive, settle } from './search/archive.ts';
import { median, printTable } from './table.ts';
import { printMemory } from './web/memory.ts';

const CONVERSATIONS = 50_000;
/** These have messages; the others are there for the list alone. */
const WITH_MESSAGES = 1_000;
const SAMPLES = 15;
const FRAMES = 300;

const rows = 'main .list-row';

/** Prints what a browser measures on the pages of a user with 50,000 conversations. */
export async function benchWeb(options: BenchOptions): Promise<void> {
  if (!(await isWebCurrent())) await buildWeb();
  const stage = await openStage(options);
  try {
    const viewer = await stage.addUser();
    await fillArchive(stage.services, viewer.userId, 0, WITH_MESSAGES);
    await stage.services.database.query(
      `INSERT INTO conversations (user_id, id, provider, external_id, title, created_at, updated_at, message_count, search_pending)
       SELECT $1, gen_random_uuid(), 'chatgpt', 'listed-' || n, 'Listed conversation ' || n,
         now() - n * interval '1 hour', now() - n * interval '1 hour', 0, false
       FROM generate_series(1, $2::int) AS n`,
      [viewer.userId, CONVERSATIONS - WITH_MESSAGES],
    );
    await settle(stage.services);
    const { key } = await createApiKey(stage.services, viewer, { name: 'bench', scopes: ['read', 'write'] });
    const api = await startHttpProcess('server.ts', { ...stage.env, PORT: '0' }, options.profileFolder);
    const browser = await openChromium();
    try {
      const open = async () => {
        const context = await browser.newContext({
          baseURL: api.url,
          viewport: { width: 1280, height: 900 },
        });
        await context.request.post('/auth/key', { data: { api_key: key } });
        return context.newPage();
      };
      await printLoads(options.runs, open);
      const page = await open();
      await page.goto('/conversations');
      await page.locator(rows).first().waitFor();
      await printFrames(page);
      await printInteractions(page);
      await printMemory(page, stage.services, viewer.userId);
    } finally {
      await browser.close();
      await api.stop();
    }
  } finally {
    await stage.close();
  }
}

/** The first visit, with nothing in the browser's cache. */
async function printLoads(runs: number, open: () => Promise<Page>): Promise<void> {
  const samples: { paintMs: number; bytes: number; listMs: number; shift: number }[] = [];
  for (let run = 0; run < runs; run += 1) {
    const page = await open();
    await page.addInitScript(`window.shifts = [];
      new PerformanceObserver((list) => window.shifts.push(...list.getEntries())).observe({ type: 'layout-shift', buffered: true });`);
    const startMs = performance.now();
    await page.goto('/conversations');
    await page.locator(rows).first().waitFor();
    const listMs = performance.now() - startMs;
    const measured = (await page.evaluate(`({
      paintMs: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0,
      bytes: [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
        .reduce((sum, entry) => sum + entry.transferSize, 0),
      // https://web.dev/articles/cls: what moved without being asked to.
      shift: window.shifts.reduce((sum, { value }) => sum + value, 0),
    })`)) as { paintMs: number; bytes: number; shift: number };
    samples.push({ ...measured, listMs });
    await page.context().close();
  }
  const of = (name: 'paintMs' | 'bytes' | 'listMs' | 'shift') =>
    median(samples.map((sample) => sample[name]));
  printTable(
    ['first load, cold', 'median'],
    [
      ['first contentful paint, ms', of('paintMs').toFixed(0)],
      ['list is there, ms', of('listMs').toFixed(0)],
      ['layout shift', of('shift').toFixed(3)],
      ['sent over the line, kB', (of('bytes') / 1_000).toFixed(0)],
    ],
  );
}

/** How long frames take while the list is scrolled as fast as a wheel goes. */
async function printFrames(page: Page): Promise<void> {
  const frames = (await page.evaluate(`new Promise((resolve) => {
    const list = document.querySelector('.list-scroll');
    const frames = [];
    let last = performance.now();
    const step = (now) => {
      frames.push(now - last);
      last = now;
      list.scrollTop += 400;
      if (frames.length < ${FRAMES}) requestAnimationFrame(step);
      else resolve(frames);
    };
    requestAnimationFrame(step);
  })`)) as number[];
  const sorted = frames.toSorted((a, b) => a - b);
  const at = (share: number) => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(0);
  printTable(
    [`${FRAMES} frames of scrolling`, 'ms'],
    [
      ['median', at(0.5)],
      ['p95', at(0.95)],
      ['longest', at(1)],
      ['longer than 50 ms', String(frames.filter((frame) => frame > 50).length)],
    ],
  );
}

async function printInteractions(page: Page): Promise<void> {
  const time = async (work: () => Promise<unknown>) => {
    const startMs = performance.now();
    await work();
    return performance.now() - startMs;
  };
  const opened: number[] = [];
  const found: number[] = [];
  const filtered: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    await page.goto('/conversations');
    const row = page.locator(rows).nth(sample % 8);
    await row.waitFor();
    opened.push(
      await time(async () => {
        await row.click();
        await page.locator('.conversation-head').waitFor();
      }),
    );
    filtered.push(
      await time(async () => {
        await page.getByRole('searchbox', { name: 'Find by title' }).fill(`conversation ${30_000 + sample}`);
        await page.getByText('1 conversation', { exact: true }).waitFor();
      }),
    );
    await page.goto('/search');
    await page.locator('#search-box').fill(sample % 2 ? 'page' : 'team');
    found.push(await time(() => page.locator('.hit').first().waitFor()));
  }
  printTable(
    [`interactions, ${SAMPLES} each`, 'median ms', 'slowest ms'],
    Object.entries({
      'open a conversation': opened,
      'narrow the list (250 ms of it waiting for more letters)': filtered,
      'hits while typing (200 ms of it waiting for more letters)': found,
    }).map(([name, values]) => [name, median(values).toFixed(0), Math.max(...values).toFixed(0)]),
  );
}

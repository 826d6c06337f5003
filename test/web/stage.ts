import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, expect } from 'vitest';
import { openChromium } from '../support/chromium.ts';
import { startTestServer, type TestServer, type TestServerOptions } from '../support/server.ts';

/** Below a test's own, so that a page which never comes to show something is told by what was waited for. */
const PATIENCE_MS = 30_000;

export interface WebStage {
  server: TestServer;
  browser: Browser;
}

/** A server and a browser for the tests of a file or of a `describe`. */
export function setWebStage(options: Partial<TestServerOptions> = {}): WebStage {
  const stage = {} as WebStage;
  beforeAll(async () => {
    [stage.server, stage.browser] = await Promise.all([
      startTestServer({ backend: 'postgres', ...options }),
      openChromium(),
    ]);
  });
  afterAll(async () => {
    await stage.browser.close();
    await stage.server.close();
  });
  return stage;
}

export interface Visit {
  page: Page;
  context: BrowserContext;
  /** What the page complained of so far: uncaught errors, refused files, and what its policy forbids. */
  complaints: string[];
  /** Ends the visit. Throws when the page complained. */
  leave(): Promise<void>;
}

/** A browser of its own, signed in when a key is given, on a page of the server. */
export async function visit(
  { server, browser }: { server: { url: string }; browser: Browser },
  path: string,
  { apiKey, ...options }: { apiKey?: string } & BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({ baseURL: server.url, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  if (apiKey !== undefined) {
    const answer = await context.request.post('/auth/key', { data: { api_key: apiKey } });
    if (!answer.ok()) throw new Error(`${answer.status()}: ${await answer.text()}`);
  }
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  await page.goto(path);
  return {
    page,
    context,
    complaints,
    async leave() {
      await context.close();
      expect(complaints).toEqual([]);
    },
  };
}

const axeSource = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds wrong with the page as it is now, in short. */
export async function violationsOf(page: Page): Promise<string[]> {
  // By evaluation: a script tag is what the page's policy forbids.
  await page.evaluate(await axeSource);
  const { violations } = (await page.evaluate(
    'axe.run(document, { resultTypes: ["violations"] })',
  )) as AxeResults;
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
}

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';
import { openChromium } from './chromium.ts';
import { startTestServer, type TestServer } from './server.ts';

export interface BrowserStage {
  server: TestServer;
  browser: Browser;
}

/** A server and a browser for the tests of a file. */
export function setBrowserStage(): BrowserStage {
  const stage = {} as BrowserStage;
  beforeAll(async () => {
    [stage.server, stage.browser] = await Promise.all([
      startTestServer({ backend: 'postgres', worker: false }),
      openChromium(),
    ]);
  });
  afterAll(async () => {
    await stage.browser.close();
    await stage.server.close();
  });
  return stage;
}

/** A new page with the errors that it tells of and the hosts that it asks, both still growing. */
export async function openPage({ browser }: BrowserStage): Promise<{
  page: Page;
  errors: string[];
  hosts: Set<string>;
}> {
  const page = await browser.newPage();
  const errors: string[] = [];
  const hosts = new Set<string>();
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http')) hosts.add(url.host);
  });
  return { page, errors, hosts };
}

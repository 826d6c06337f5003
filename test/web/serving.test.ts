import { once } from 'node:events';
import { cp, glob, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import { expect, onTestFinished, test } from 'vitest';
import { WEB_DIRECTORY } from '../../src/web-build.ts';
import { servePages } from '../../src/web-pages.ts';
import { setWebStage, visit } from './stage.ts';

const stage = setWebStage({ worker: false });

const asBrowser = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
const get = (path: string, headers: Record<string, string> = asBrowser) =>
  fetch(`${stage.server.url}${path}`, { headers });

test.each(['/', '/import', '/conversations', '/conversations/Q29udmVyc2F0aW9uOjE?message=x', '/chat/x_-1'])(
  'A browser that is given the address %s gets the app',
  async (path) => {
    const answer = await get(path);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^text\/html; charset=utf-8$/i);
    expect(answer.headers.get('cache-control')).toBe('no-cache');
    expect(await answer.text()).toContain('<div id="root">');
  },
);

test.each(['/nowhere', '/import/a/b', '/conversations/x/y', '/assets-web/missing.js', '/..%2fpackage.json'])(
  'The address %s, which is no page, stays unknown',
  async (path) => {
    expect((await get(path)).status).toBe(404);
  },
);

test('A person at an unknown address is told so in a page, and a page whose files do not come leaves the others whole', async () => {
  const { page, context, complaints } = await visit(stage, '/nowhere', { apiKey: stage.server.apiKey });
  await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
  await page.route('**/assets-web/insights-page*.js', (route) => route.abort());
  await page.getByRole('link', { name: 'Insights' }).click();
  await page.getByText('The server cannot be reached.').waitFor();
  await page.getByRole('link', { name: 'Account' }).click();
  await page.getByRole('heading', { name: 'Account', exact: true }).waitFor();
  await page.unroute('**/assets-web/insights-page*.js');
  await page.getByRole('link', { name: 'Insights' }).click();
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('Nothing to count yet').waitFor();
  await context.setOffline(true);
  await page.getByRole('link', { name: 'Search' }).click();
  await page.getByRole('alert').getByText('The server cannot be reached.').waitFor();
  await context.setOffline(false);
  await page.getByRole('searchbox').waitFor();
  await context.close();
  // Of the address and of the files; React tells as well of what it caught.
  const expected = /Failed to load resource|ApiError|Unable to preload/;
  expect(complaints.filter((text) => !expected.test(text))).toEqual([]);
});

test('Who would take anything gets the page at the root', async () => {
  expect((await get('/', { accept: '*/*' })).headers.get('content-type')).toMatch(/^text\/html/);
});

test('A program that asks for JSON gets none of the pages', async () => {
  const answer = await get('/', { accept: 'application/json' });
  expect([answer.status, await answer.json()]).toEqual([404, { detail: 'No such page.' }]);
});

test('Files are kept for ever by their hash, and are sent as they were compressed in the build', async () => {
  const html = await (await get('/')).text();
  const [script] = /\/assets-web\/[\w-]+\.js/.exec(html) ?? [''];
  const compressed = await get(script, { 'accept-encoding': 'br' });
  expect(compressed.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  expect(compressed.headers.get('content-encoding')).toBe('br');
  expect(compressed.headers.get('vary')).toContain('Accept-Encoding');
  expect(await compressed.text()).toBe(await readFile(join(WEB_DIRECTORY, script), 'utf8'));
  const plain = await get(script, { 'accept-encoding': 'identity' });
  expect(plain.headers.get('content-encoding')).toBe(null);
});

test('A server whose pages are built anew beneath it answers that a file is gone, and goes on', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sidecar-web-'));
  await cp(WEB_DIRECTORY, directory, { recursive: true });
  const pages = servePages(directory);
  if (!pages) throw new Error('The pages were not built.');
  const server = express().use(pages).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.close();
    await rm(directory, { recursive: true, force: true });
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const [script] =
    /\/assets-web\/[\w-]+\.js/.exec(await (await fetch(url, { headers: asBrowser })).text()) ?? [];
  expect((await fetch(`${url}${script}`)).status).toBe(200);
  await rm(join(directory, 'assets-web'), { recursive: true });
  const gone = await fetch(`${url}${script}`);
  expect([gone.status, gone.headers.get('content-encoding')]).toEqual([404, null]);
  expect(await gone.text()).toContain('Cannot GET');
  expect((await fetch(url, { headers: asBrowser })).status).toBe(200);
});

test('No page may run a script of its own text, or of another server', async () => {
  const policy = (await get('/')).headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'self'");
  expect(policy).not.toContain('unsafe');
  expect(policy).not.toContain('https:');
});

/** What a first visit may load, compressed. */
const FIRST_LOAD_BYTES = 200_000;

test('The first visit loads less than 200 kB', async () => {
  const { page, leave } = await visit(stage, 'about:blank');
  const paths = new Set<string>();
  page.on('request', (request) => paths.add(new URL(request.url()).pathname));
  await page.goto(`${stage.server.url}/import`);
  await page.getByLabel('API key').fill(stage.server.apiKey);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Import', exact: true }).waitFor();
  let bytes = 0;
  const loaded: string[] = [];
  for await (const file of glob('**/*.gz', { cwd: WEB_DIRECTORY })) {
    const path = `/${file.slice(0, -'.gz'.length)}`;
    if (!paths.has(path) && path !== '/index.html') continue;
    loaded.push(path);
    bytes += (await stat(join(WEB_DIRECTORY, file))).size;
  }
  expect(loaded.length).toBeGreaterThan(3);
  expect(bytes).toBeLessThan(FIRST_LOAD_BYTES);
  await leave();
});

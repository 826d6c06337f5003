import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { dataDirOf } from '../support/account.ts';
import { zipOf } from '../support/exports.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import { setWebStage, visit } from './stage.ts';

const stage = setWebStage();
let folder: string;
let proxy: TcpProxy;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sidecar-web-'));
  proxy = await startTcpProxy(stage.server.url);
  // Takes many packets, for its photo cannot be compressed.
  const zip = await zipOf({
    'conversations.json': JSON.stringify([dialogue('large')]),
    'photo.dat': randomBytes(12_000_000),
  });
  await writeFile(join(folder, 'large.zip'), zip);
});
beforeEach(() => proxy.mend());
afterAll(async () => {
  await proxy.close();
  await rm(folder, { recursive: true, force: true });
});

const choose = (page: Page) => page.getByLabel('Choose a file').setInputFiles(join(folder, 'large.zip'));

/** On the page Import, behind the proxy, with an upload that got as far as the proxy lets it. */
async function visitSending() {
  const user = await stage.server.asUser();
  proxy.stallAfter(4_000_000);
  const { page, context } = await visit({ server: proxy, browser: stage.browser }, '/import', {
    apiKey: user.apiKey,
  });
  await choose(page);
  const bar = page.getByRole('progressbar', { name: 'Uploading large.zip' });
  await until('a part is sent', async () => Number(await bar.getAttribute('aria-valuenow')));
  return { page, context };
}

const complete = (page: Page) =>
  page.getByRole('article', { name: 'large.zip' }).getByText('Complete', { exact: true });

test('A second tab leaves the upload of the first one alone', async () => {
  const { page, context } = await visitSending();
  const second = await context.newPage();
  await second.goto('/import');
  await second.getByText('Drop the export here').waitFor();
  await choose(second);
  await second.getByRole('alert').getByText('is being sent in another tab').waitFor();
  expect(await second.getByText('stopped at').count()).toBe(0);
  expect(await page.getByRole('progressbar', { name: 'Uploading large.zip' }).count()).toBe(1);
  proxy.cut();
  proxy.mend();
  await complete(page).waitFor();
  await complete(second).waitFor();
  await context.close();
}, 60_000);

test('An upload of which more arrived than the page was told goes on from there', async () => {
  const { page, context } = await visitSending();
  let told = 0;
  await page.route('**/sync/upload/resumable/*', (route) => {
    if (route.request().method() !== 'PATCH' || told > 0) return route.continue();
    told += 1;
    return route.fulfill({ status: 409, contentType: 'text/plain', body: 'Upload-Offset conflict' });
  });
  proxy.cut();
  proxy.mend();
  await complete(page).waitFor();
  expect(told).toBe(1);
  await context.close();
}, 60_000);

test('A second click goes on with an upload only once', async () => {
  const { page, context } = await visitSending();
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  proxy.mend();
  let asked = 0;
  page.on('request', (request) => {
    if (request.method() === 'HEAD') asked += 1;
  });
  await page.getByRole('button', { name: 'Go on', exact: true }).dblclick();
  await complete(page).waitFor();
  expect(asked).toBe(1);
  await context.close();
}, 60_000);

test('An upload that the disk has no room for stops and says so, and goes on once there is room', async () => {
  const user = await stage.server.asUser();
  const { page, context } = await visit(stage, '/import', { apiKey: user.apiKey });
  let upload = '';
  let pieces = 0;
  await page.route('**/sync/upload/resumable/*', async (route, request) => {
    if (request.method() === 'PATCH') pieces += 1;
    if (upload === '') {
      upload = join(dataDirOf(stage.server.services), 'uploads', request.url().split('/').at(-1) ?? '');
      await rm(upload);
      await symlink('/dev/full', upload);
    }
    await route.continue();
  });
  await choose(page);
  await page.getByText('The upload of large.zip stopped at 0 %').waitFor();
  await page.getByRole('alert').getByText('The server’s disk is full.').waitFor();
  expect(pieces).toBe(1);
  await rm(upload);
  await writeFile(upload, '');
  await page.getByRole('button', { name: 'Go on', exact: true }).click();
  await complete(page).waitFor();
  await context.close();
}, 60_000);

test('A folder that is dropped is refused in words', async () => {
  const user = await stage.server.asUser();
  const { page, context, leave } = await visit(stage, '/import', { apiKey: user.apiKey });
  const place = await page.getByRole('region', { name: 'Drop the export here' }).boundingBox();
  const session = await context.newCDPSession(page);
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await session.send('Input.dispatchDragEvent', {
      type,
      x: (place?.x ?? 0) + 20,
      y: (place?.y ?? 0) + 20,
      data: { items: [], files: [folder], dragOperationsMask: 1 },
    });
  }
  await page.getByRole('alert').getByText('This is not a zip file.').waitFor();
  await leave();
});

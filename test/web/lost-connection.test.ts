import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { dataDirOf, listBelow } from '../support/account.ts';
import { exportOf, zipOf } from '../support/exports.ts';
import { holdImportsAfter } from '../support/gate.ts';
import { backends } from '../support/server.ts';
import { startServerProcess } from '../support/server-process.ts';
import { startSync, untilOver } from '../support/syncs.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import { startWorkerProcess } from '../support/worker-process.ts';
import { setWebStage, visit } from './stage.ts';

const conversations = Array.from({ length: 600 }, (_, index) => dialogue(`lost${index}`));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sidecar-web-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A zip on disk that takes many packets, for its photo cannot be compressed. */
async function largeZip(name: string): Promise<string> {
  const photo = randomBytes(12_000_000);
  const text = JSON.stringify([dialogue('large')]);
  await writeFile(join(folder, name), await zipOf({ 'conversations.json': text, 'photo.dat': photo }));
  return join(folder, name);
}

describe('A page that loses its connection', () => {
  const stage = setWebStage();
  let proxy: TcpProxy;
  beforeAll(async () => {
    proxy = await startTcpProxy(stage.server.url);
  });
  beforeEach(() => proxy.mend());
  afterAll(() => proxy.close());
  const behindProxy = () => ({ server: { url: proxy.url }, browser: stage.browser });

  const connectionLost = (page: Page) => page.getByText('The connection is lost.');

  const shareShown = async (page: Page, name: string) =>
    Number(await page.getByRole('progressbar', { name: `Uploading ${name}` }).getAttribute('aria-valuenow'));

  /** Cuts once the page shows a part as sent and the server has written one. Answers the share shown, 1 to 99. */
  async function cutHalfway(page: Page, name: string): Promise<number> {
    const uploads = join(dataDirOf(stage.server.services), 'uploads');
    await until('the server has a part', async () => {
      const sizes = (await listBelow(uploads)).map(async (path) => (await stat(join(uploads, path))).size);
      return (await Promise.all(sizes)).some((size) => size > 1_000_000);
    });
    const shown = await until('the page shows a part', () => shareShown(page, name));
    proxy.cut();
    return shown;
  }

  test('goes on with an upload by itself', async () => {
    const user = await stage.server.asUser();
    const { page, context } = await visit(behindProxy(), '/import', { apiKey: user.apiKey });
    proxy.stallAfter(4_000_000);
    await page.getByLabel('Choose a file').setInputFiles(await largeZip('cut.zip'));
    const shown = await cutHalfway(page, 'cut.zip');
    await connectionLost(page).waitFor();
    expect(await shareShown(page, 'cut.zip')).toBeGreaterThanOrEqual(shown);
    proxy.mend();
    await page.getByRole('article', { name: 'cut.zip' }).getByText('Complete', { exact: true }).waitFor();
    await context.close();
  }, 60_000);

  test('goes on with an upload after a reload, with the same file', async () => {
    const user = await stage.server.asUser();
    const { page, context } = await visit(behindProxy(), '/import', { apiKey: user.apiKey });
    proxy.stallAfter(4_000_000);
    const zip = await largeZip('left.zip');
    await page.getByLabel('Choose a file').setInputFiles(zip);
    await cutHalfway(page, 'left.zip');
    await connectionLost(page).waitFor();
    await page.goto('about:blank');
    proxy.mend();
    await page.goto('/import');
    const notice = page.getByText(/The upload of left.zip stopped at [1-9]\d* %/);
    await notice.waitFor();
    const offsets: number[] = [];
    page.on('request', (request) => {
      if (request.method() === 'PATCH') offsets.push(Number(request.headers()['upload-offset']));
    });
    await page.getByLabel('Choose a file').setInputFiles(zip);
    await page.getByRole('article', { name: 'left.zip' }).getByText('Complete', { exact: true }).waitFor();
    expect(offsets[0]).toBeGreaterThan(0);
    await context.close();
  }, 60_000);

  test('shows how an import ended that went on meanwhile', async () => {
    const user = await stage.server.asUser();
    const gate = await holdImportsAfter(stage.server.databaseUrl, 1);
    await startSync(
      user.client,
      stage.server.exports.serve(await exportOf(conversations, { perShard: 100 })).url,
    );
    const { page, context } = await visit(behindProxy(), '/import', { apiKey: user.apiKey });
    await page.getByRole('progressbar').waitFor();
    proxy.cut();
    await page.getByText('The live view lost its connection').waitFor();
    await gate.open();
    await until('the import is over', async () => {
      const { syncHistory } = await user.client.request<{
        syncHistory: { edges: { node: { status: string } }[] };
      }>('{ syncHistory(first: 1) { edges { node { status } } } }');
      return syncHistory.edges[0]?.node.status === 'COMPLETED';
    });
    proxy.mend();
    await page.getByRole('article').getByText('Complete', { exact: true }).waitFor();
    expect(await page.getByRole('progressbar').count()).toBe(0);
    await context.close();
  });
  test('notices a connection that fell silent, as after a sleep', async () => {
    const user = await stage.server.asUser();
    const held = stage.server.exports.serve(await exportOf(conversations), { held: true });
    const { page, context } = await visit(behindProxy(), 'about:blank', { apiKey: user.apiKey });
    await page.clock.install();
    await page.goto('/import');
    const { id } = await startSync(user.client, held.url);
    const bar = page.getByRole('progressbar');
    await bar.waitFor();
    proxy.silence();
    held.release();
    await untilOver(user.client, id);
    expect(await bar.count()).toBe(1);
    const complete = page.getByRole('article').getByText('Complete', { exact: true });
    await until('the page has noticed', async () => {
      // Each connection that the browser kept is found to be dead in its turn.
      await page.clock.runFor(31_000);
      return (await complete.count()) > 0;
    });
    await context.close();
  }, 60_000);
});

describe.each(backends)('On the %s back end', (backend) => {
  const stage = setWebStage({ backend, worker: false });

  test('the bar goes on when the server is killed and started again', async () => {
    const env = {
      DB_URL: stage.server.databaseUrl,
      REDIS_URL: stage.server.redisUrl ?? '',
      DATA_DIR: dataDirOf(stage.server.services),
      API_KEY: stage.server.apiKey,
      EXPORT_ALLOWED_HOSTS: stage.server.exports.host,
    };
    const gate = await holdImportsAfter(stage.server.databaseUrl, 100);
    // With Redis the imports run beside the server, and go on without it.
    const worker = backend === 'redis' ? await startWorkerProcess(env) : null;
    const first = await startServerProcess(env);
    const proxy = await startTcpProxy(first.url);
    const { page, context } = await visit({ server: proxy, browser: stage.browser }, '/import', {
      apiKey: stage.server.apiKey,
    });
    await startSync(
      stage.server.client,
      stage.server.exports.serve(await exportOf(conversations, { perShard: 100 })).url,
    );
    await page.getByRole('progressbar').waitFor();
    await until('the import stands at the gate', () => gate.isWaitedFor());
    await first.kill();
    await page.getByText('The live view lost its connection').waitFor();
    if (!worker) await gate.drop();
    await gate.open();
    const second = await startServerProcess(env);
    proxy.lead(second.url);
    await page.getByText('The live view lost its connection').waitFor({ state: 'hidden' });
    await page.getByRole('article').getByText('Complete', { exact: true }).waitFor({ timeout: 60_000 });
    expect(await page.getByRole('progressbar').count()).toBe(0);
    await context.close();
    await proxy.close();
    await second.kill();
    await worker?.kill();
  }, 120_000);
});

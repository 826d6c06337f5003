import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { knownMigrations, migrationsDirectory } from '../../src/infra/migrate.ts';
import { dialogue } from '../archive/builders.ts';
import { createTestClient } from '../support/client.ts';
import { exportOf, startExportServer } from '../support/exports.ts';
import { startHttpProxy } from '../support/http-proxy.ts';
import { createEmptyDatabase, query } from '../support/postgres.ts';
import { startServerProcess } from '../support/server-process.ts';
import { startSync, statusSubscription } from '../support/syncs.ts';
import { until } from '../support/until.ts';

const API_KEY = 'sidecar_a_key_for_two_servers_at_once';

test('Two servers that start at once on an empty database migrate it once, and are restarted in turn without a failure', {
  timeout: 240_000,
}, async ({ onTestFinished }) => {
  const database = await createEmptyDatabase();
  onTestFinished(database.drop);
  const dataDir = await mkdtemp(join(tmpdir(), 'sidecar-rolling-'));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  const exports = await startExportServer();
  onTestFinished(exports.close);
  const start = () =>
    startServerProcess({
      DB_URL: database.url,
      DATA_DIR: dataDir,
      API_KEY,
      EXPORT_ALLOWED_HOSTS: exports.host,
      RATE_LIMIT_FACTOR: '0',
      SHUTDOWN_DELAY_SECONDS: '2',
    });
  let [older, newer] = await Promise.all([start(), start()]);
  const applied = await query(
    database.url,
    'SELECT migration_name AS name FROM _prisma_migrations ORDER BY 1',
  );
  const known = await knownMigrations(migrationsDirectory);
  expect(applied.map(({ name }) => name)).toEqual(known.map(({ name }) => name));
  expect(await query(database.url, 'SELECT FROM users')).toHaveLength(1);

  const proxy = await startHttpProxy();
  onTestFinished(proxy.close);
  const lead = async () => {
    const urls = [older.url, newer.url];
    proxy.lead(urls);
    await until('both are ready', () => urls.every((url) => proxy.ready().includes(url)));
  };
  await lead();
  const client = createTestClient(proxy.url, API_KEY);
  onTestFinished(() => client.close());
  const file = exports.serve(await exportOf([dialogue('rolling')]), { held: true });
  const { id } = await startSync(client, file.url);
  const streams = [follow(proxy.url, id), follow(proxy.url, id)];

  let stopping = false;
  let answered = 0;
  const load = Array.from({ length: 4 }, async () => {
    while (!stopping) {
      await client.request('{ viewer { id } syncHistory(first: 5) { edges { node { id status } } } }');
      answered += 1;
    }
  });
  for (let turn = 0; turn < 2; turn++) {
    expect(await older.stop()).toBe(0);
    [older, newer] = [newer, await start()];
    await lead();
    const before = answered;
    await until('requests are answered', () => answered > before + 20);
  }
  stopping = true;
  await Promise.all(load);
  file.release();
  for (const parts of await Promise.all(streams)) {
    expect(parts.length).toBeGreaterThan(1);
    const last = parts.pop();
    expect(parts[0]).toContain('event: next');
    // One that was opened just before its server stopped may end without an event, but never without the hint.
    for (const part of parts) expect(part).toMatch(/\nretry: 1000\n\n$/);
    expect(last).toContain('"status":"COMPLETED"');
    expect(last).toContain('"attempt":1');
  }
  expect(await Promise.all([older.stop(), newer.stop()])).toEqual([0, 0]);
});

/** Follows a task to its end, over as many streams as it takes. Answers what came over each. */
async function follow(url: string, taskId: string): Promise<string[]> {
  const streams: string[] = [];
  do {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'x-api-key': API_KEY, 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query: statusSubscription, variables: { taskId } }),
    });
    expect(response.status).toBe(200);
    streams.push(await response.text());
  } while (!streams.at(-1)?.includes('event: complete'));
  return streams;
}

import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { dialogue } from './archive/builders.ts';
import { exportOf } from './support/exports.ts';
import { findFreePort } from './support/free-port.ts';
import { createTestDatabase } from './support/postgres.ts';
import { runScript } from './support/programs.ts';
import { claimRedisDatabase } from './support/redis.ts';

const patienceMs = 120_000;

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-import-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  // PostgreSQL runs as a user of its own when root starts it, and has to pass through.
  await chmod(folder, 0o711);
  return folder;
}

test(
  'another program that has the server’s port gets neither the key nor the export',
  async () => {
    const folder = await temporaryFolder();
    const asked: unknown[] = [];
    const stranger = createServer((request, response) => {
      asked.push([request.method, request.url, request.headers['x-api-key']]);
      request.resume();
      response.end('<html>');
    }).listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    onTestFinished(() => void stranger.close());
    const path = join(folder, 'export.zip');
    await writeFile(path, await exportOf([dialogue('alone')]));
    const imported = await runScript('import', [path], {
      DATA_DIR: join(folder, 'data'),
      PORT: String((stranger.address() as AddressInfo).port),
      API_KEY: 'a-key-of-more-than-24-characters',
    });
    expect(await imported.exited, imported.stderr()).toBe(0);
    expect(imported.stdout()).toMatch(/^COMPLETED: 1 conversations added/);
    expect(asked).toEqual([['GET', '/healthz', undefined]]);
  },
  patienceMs,
);

test(
  'without a server and without workers npm run import brings one, whatever the metrics’ port is taken by',
  async () => {
    const folder = await temporaryFolder();
    const database = await createTestDatabase();
    onTestFinished(database.drop);
    const redis = await claimRedisDatabase(inject('redisUrl'));
    onTestFinished(redis.drop);
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    onTestFinished(() => void taken.close());
    const path = join(folder, 'export.zip');
    await writeFile(path, await exportOf([dialogue('alone')]));
    const env = {
      DB_URL: database.url,
      REDIS_URL: redis.url,
      DATA_DIR: join(folder, 'data'),
      PORT: String(await findFreePort()),
      METRICS_PORT: String((taken.address() as AddressInfo).port),
    };
    const imported = await runScript('import', [path], env);
    expect(await imported.exited, imported.stderr()).toBe(0);
    expect(imported.stdout()).toMatch(/^COMPLETED: 1 conversations added/);
    const reparsed = await runScript('reparse', [], env);
    expect(await reparsed.exited, reparsed.stderr()).toBe(0);
    expect(reparsed.stdout()).toContain('1 conversations, 0 came out otherwise');
  },
  patienceMs,
);

test('a folder is not imported, and where no database is none is made to read it again', async () => {
  const folder = await temporaryFolder();
  const env = { DATA_DIR: join(folder, 'data'), PORT: String(await findFreePort()) };
  const imported = await runScript('import', [folder], env);
  expect(await imported.exited).toBe(1);
  expect(imported.stderr()).toMatch(/is a folder: name the zip/);
  const reparsed = await runScript('reparse', [], env);
  expect(await reparsed.exited).toBe(1);
  expect(reparsed.stderr()).toContain('There is no database in');
  expect(await readdir(folder)).toEqual([]);
});

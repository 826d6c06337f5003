import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { createTestClient } from '../support/client.ts';
import { exportOf, startExportServer } from '../support/exports.ts';
import { createTestDatabase, query } from '../support/postgres.ts';
import { claimRedisDatabase } from '../support/redis.ts';
import { startServerProcess } from '../support/server-process.ts';
import { startSync, statusSubscription, type TaskAnswer } from '../support/syncs.ts';
import { startWorkerProcess } from '../support/worker-process.ts';

const IN_EACH = 40;

test('Of several APIs and workers any shows what another one began, and all is imported once', async () => {
  const database = await createTestDatabase();
  onTestFinished(database.drop);
  const redis = await claimRedisDatabase(inject('redisUrl'));
  onTestFinished(redis.drop);
  const dataDir = await mkdtemp(join(tmpdir(), 'sidecar-processes-'));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  const exports = await startExportServer();
  onTestFinished(exports.close);
  const apiKey = `sidecar_${randomBytes(24).toString('base64url')}`;
  const env = {
    DB_URL: database.url,
    REDIS_URL: redis.url,
    DATA_DIR: dataDir,
    API_KEY: apiKey,
    EXPORT_ALLOWED_HOSTS: exports.host,
  };
  const [first, second, ...workers] = await Promise.all([
    startServerProcess(env),
    startServerProcess(env),
    startWorkerProcess(env),
    startWorkerProcess(env),
  ]);
  onTestFinished(async () => {
    await Promise.all([first, second, ...workers].map((each) => each.kill()));
  });
  const [here, there] = [first, second].map(({ url }) => createTestClient(url, apiKey));
  if (!here || !there) throw new Error('Two APIs were started');
  onTestFinished(() => here.close());
  onTestFinished(() => there.close());

  let expected = 0;
  for (const [starting, watching] of [
    [here, there],
    [there, here],
  ] as const) {
    const dialogues = Array.from({ length: IN_EACH }, (_, index) => dialogue(`c-${expected + index}`));
    const file = exports.serve(await exportOf(dialogues, { perShard: 10 }), { held: true });
    const { id: taskId } = await startSync(starting, file.url);
    const states: TaskAnswer[] = [];
    const events = watching.subscribe<{ syncStatus: TaskAnswer }>('sse', statusSubscription, { taskId });
    for await (const { syncStatus } of events) {
      states.push(syncStatus);
      if (syncStatus.phase === 'DOWNLOADING') file.release();
    }
    expect(states.map(({ phase }) => phase)).toContain('DOWNLOADING');
    expect(states.map(({ seq }) => seq)).toEqual(states.map(({ seq }) => seq).toSorted((a, b) => a - b));
    expect(states.at(-1)).toMatchObject({ status: 'COMPLETED', attempt: 1, counts: { added: IN_EACH } });
    expected += IN_EACH;
  }
  const totals = '{ conversations(first: 1) { totalCount } }';
  for (const client of [here, there]) {
    expect(await client.request(totals)).toEqual({ conversations: { totalCount: expected } });
  }
  const [rows] = await query(
    database.url,
    'SELECT count(*)::int AS conversations, count(DISTINCT external_id)::int AS different FROM conversations',
  );
  expect(rows).toEqual({ conversations: expected, different: expected });
  for (const worker of workers) expect(worker.logged()).not.toContain('a job failed');
});

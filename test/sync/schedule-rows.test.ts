import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeId } from '../../src/domain/global-id.ts';
import { runScheduledSync } from '../../src/domain/sync/run-scheduled.ts';
import { MAX_FAILURES_IN_A_ROW } from '../../src/domain/sync/schedule.ts';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { changeTask, sync, untilOver } from '../support/syncs.ts';
import { until } from '../support/until.ts';

const HOUR_MS = 60 * 60_000;

let server: TestServer;
let ingestRoot: string;
beforeAll(async () => {
  ingestRoot = await mkdtemp(join(tmpdir(), 'sidecar-ingest-'));
  server = await startTestServer({ backend: 'postgres', env: { INGEST_ROOT: ingestRoot } });
});
afterAll(async () => {
  await server.close();
  await rm(ingestRoot, { recursive: true, force: true });
});

type Person = Pick<TestUser, 'client' | 'viewer'>;

interface Settings {
  last_sync_at: string | null;
  next_sync_at: string | null;
  failures_in_a_row: number;
  last_failure: string | null;
}

const read = async ({ client }: Person) => (await client.rest('GET', '/sync/config')).json as Settings;
const configure = ({ client }: Person, url: string | null | undefined, enabled = true) =>
  client.rest('POST', '/sync/config', { sync_enabled: enabled, chatgpt_export_url: url });
const missing = () => `http://${server.exports.host}/missing.zip`;

/** Begins what the schedule fetches and answers the task's id. */
async function beginRun({ viewer: { userId } }: Person): Promise<string> {
  const { database, prisma } = server.services;
  await database.query('UPDATE sync_configs SET next_sync_at = now() WHERE user_id = $1', [userId]);
  await runScheduledSync(server.services, userId);
  const task = await prisma.syncTask.findFirstOrThrow({ where: { userId }, orderBy: { createdAt: 'desc' } });
  return encodeId('SyncTask', task.id);
}

const pause = ({ viewer }: Person) =>
  server.services.database.query(
    'UPDATE sync_configs SET failures_in_a_row = $2, paused_at = now(), next_sync_at = NULL WHERE user_id = $1',
    [viewer.userId, MAX_FAILURES_IN_A_ROW],
  );

describe('A schedule', () => {
  test('counts one failure of a run, however often that is retried', async () => {
    const user = await server.asUser();
    await configure(user, missing());
    const id = await beginRun(user);
    expect(await untilOver(user.client, id)).toMatchObject({ status: 'FAILED' });
    const once = await read(user);
    expect(once).toMatchObject({ failures_in_a_row: 1, last_failure: expect.stringContaining('404') });
    await changeTask(user.client, 'retrySync', id);
    expect(await untilOver(user.client, id)).toMatchObject({ status: 'FAILED' });
    expect(await read(user)).toEqual(once);
  });

  test('that was set anew is not charged with a failure of the old one’s run', async () => {
    const user = await server.asUser();
    const broken = server.exports.serve('PK\x03\x04'.repeat(999), { held: true });
    await configure(user, broken.url);
    const id = await beginRun(user);
    await until('the fetch has begun', () => broken.answers.length > 0);
    await configure(user, missing());
    const set = await read(user);
    broken.release();
    expect(await untilOver(user.client, id)).toMatchObject({ status: 'FAILED' });
    expect(await read(user)).toEqual(set);
    await untilOver(user.client, await beginRun(user));
    expect(await read(user)).toMatchObject({ failures_in_a_row: 1 });
  });

  test('that is paused stays so when files of the server are imported', async () => {
    const owner = { client: server.client, viewer: server.viewer };
    await configure(owner, missing());
    await pause(owner);
    await writeFile(join(ingestRoot, 'export.zip'), await exportOf([dialogue('ingested')]));
    const answer = await server.client.rest('POST', '/ingest/chatgpt-export', { root_path: 'export.zip' });
    expect(answer.json).toMatchObject({ status: 'COMPLETED' });
    expect(await read(owner)).toMatchObject({
      failures_in_a_row: MAX_FAILURES_IN_A_ROW,
      paused_at: expect.any(String),
      last_sync_at: expect.any(String),
    });
  });

  test('is due an interval after the last sync, however often it is set', async () => {
    const user = await server.asUser();
    const file = server.exports.serve(await exportOf([dialogue('before')]));
    await sync(user.client, file.url);
    await configure(user, file.url);
    const first = await read(user);
    const waitMs = Date.parse(first.next_sync_at ?? '') - Date.parse(first.last_sync_at ?? '');
    expect(waitMs).toBeGreaterThanOrEqual(24 * HOUR_MS);
    await configure(user, file.url);
    expect((await read(user)).next_sync_at).toBe(first.next_sync_at);
  });

  test('is not held while an account is being deleted, which waits for it next', async () => {
    const user = await server.asUser();
    await configure(user, missing(), false);
    const deletion = new pg.Client({ connectionString: server.databaseUrl });
    await deletion.connect();
    try {
      const of = [user.viewer.userId];
      await deletion.query('BEGIN');
      await deletion.query('SELECT FROM users WHERE id = $1 FOR UPDATE', of);
      const setting = configure(user, missing(), false);
      await until('the change waits for the account', async () => {
        const waiting = await server.services.database.query(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        return waiting.length === 1;
      });
      const { rowCount } = await deletion.query(
        'SELECT FROM sync_configs WHERE user_id = $1 FOR UPDATE NOWAIT',
        of,
      );
      expect(rowCount).toBe(1);
      await deletion.query('COMMIT');
      expect(await setting).toMatchObject({ status: 200 });
    } finally {
      await deletion.end();
    }
  });

  test('is not turned on while its URL is being removed', async () => {
    const user = await server.asUser();
    await configure(user, missing(), false);
    const client = new pg.Client({ connectionString: server.databaseUrl });
    await client.connect();
    const waiting = async (count: number) => {
      // On a connection of its own: within a transaction this view stays as it was when it was first read.
      const rows = await server.services.database.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
         AND query LIKE '%sync_configs%'`,
      );
      return rows.length === count;
    };
    try {
      await client.query('BEGIN');
      await client.query('SELECT FROM sync_configs WHERE user_id = $1 FOR UPDATE', [user.viewer.userId]);
      const removing = configure(user, null, false);
      await until('the removal waits', () => waiting(1));
      const turningOn = configure(user, undefined);
      await until('both wait', () => waiting(2));
      await client.query('COMMIT');
      expect(await removing).toMatchObject({ status: 200 });
      expect(await turningOn).toMatchObject({ status: 422 });
    } finally {
      await client.end();
    }
    expect(await read(user)).toMatchObject({ sync_enabled: false, has_export_url: false });
  });
});

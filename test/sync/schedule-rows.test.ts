import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { sync } from '../support/syncs.ts';
import { until } from '../support/until.ts';

const HOUR_MS = 60 * 60_000;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

interface Settings {
  last_sync_at: string | null;
  next_sync_at: string | null;
}

const read = async ({ client }: TestUser) => (await client.rest('GET', '/sync/config')).json as Settings;
const configure = ({ client }: TestUser, url: string | null | undefined, enabled = true) =>
  client.rest('POST', '/sync/config', { sync_enabled: enabled, chatgpt_export_url: url });
const missing = () => `http://${server.exports.host}/missing.zip`;

describe('A schedule', () => {
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

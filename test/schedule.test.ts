import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Services } from '../src/domain/services.ts';
import { runScheduledSync } from '../src/domain/sync/run-scheduled.ts';
import {
  alignSchedule,
  MAX_FAILURES_IN_A_ROW,
  reconcileSchedules,
  schedulerIdOf,
} from '../src/domain/sync/schedule.ts';
import { dialogue } from './archive/builders.ts';
import { exportOf } from './support/exports.ts';
import { backends, startTestServer, type TestServer, type TestUser } from './support/server.ts';
import { startSync, sync, untilOver } from './support/syncs.ts';
import { until } from './support/until.ts';

const HOUR_MS = 60 * 60_000;

interface Settings {
  sync_enabled: boolean;
  last_sync_at: string | null;
  next_sync_at: string | null;
  failures_in_a_row: number;
  last_failure: string | null;
  paused_at: string | null;
  pause_reason: string | null;
}

interface Entry {
  sync_id: string;
  sync_type: string;
  status: string;
  conversations_unchanged: number;
}

const read = async ({ client }: TestUser) => (await client.rest('GET', '/sync/config')).json as Settings;
const configure = ({ client }: TestUser, body: object) => client.rest('POST', '/sync/config', body);
const history = async ({ client }: TestUser) =>
  ((await client.rest('GET', '/sync/history')).json as { history: Entry[] }).history;
const schedulerOf = ({ viewer }: TestUser) => schedulerIdOf(viewer.userId);

describe.each(backends)('A schedule on %s', (backend) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ backend });
  });
  afterAll(() => server.close());

  const planned = (user: TestUser) => server.services.queue.scheduled(schedulerOf(user));

  const setNext = ({ viewer }: TestUser, after: string) =>
    server.services.database.query(
      'UPDATE sync_configs SET next_sync_at = now() + $2::interval WHERE user_id = $1',
      [viewer.userId, after],
    );
  const setDue = async (user: TestUser) => {
    await setNext(user, '0.2 seconds');
    await alignSchedule(server.services, user.viewer.userId);
  };

  /** Lets the schedule be due and answers what it started, when that is over. */
  const runOnce = async (user: TestUser) => {
    const before = (await history(user)).length;
    await setDue(user);
    const started = await until('the schedule starts a sync', async () => {
      const tasks = await history(user);
      return tasks.length > before ? tasks[0] : null;
    });
    await untilOver(user.client, started.sync_id);
    await until('the queue follows the row', () => follows(user));
    return (await history(user))[0];
  };

  const follows = async (user: TestUser) => {
    const [{ next_sync_at }, scheduler] = [await read(user), await planned(user)];
    return next_sync_at === (scheduler?.nextAt.toISOString() ?? null);
  };

  /** What a look works with that is slow: when it has read the user's row, something happens before it goes on. */
  const afterReading = ({ viewer }: TestUser, happens: () => Promise<unknown>): Services => {
    const { database } = server.services;
    let isRead = false;
    return {
      ...server.services,
      database: {
        ...database,
        async query<T extends object>(sql: string, values?: unknown[]) {
          const rows = await database.query<T>(sql, values);
          if (isRead || !rows.some((row) => 'userId' in row && row.userId === viewer.userId)) return rows;
          isRead = true;
          await happens();
          return rows;
        },
      },
    };
  };

  const configured = async (url: string, hours = 12) => {
    const user = await server.asUser();
    await configure(user, { sync_enabled: true, chatgpt_export_url: url, sync_frequency_hours: hours });
    return user;
  };

  test('fetches when it is due, and an unchanged export costs one request', async () => {
    const file = server.exports.serve(await exportOf([dialogue('scheduled')]), { etag: '"v1"' });
    const user = await configured(file.url);
    expect(await planned(user)).toEqual({
      everyMs: 12 * HOUR_MS,
      nextAt: new Date((await read(user)).next_sync_at ?? ''),
    });
    expect(await runOnce(user)).toMatchObject({ sync_type: 'scheduled', status: 'COMPLETED' });
    expect(await runOnce(user)).toMatchObject({ status: 'COMPLETED', conversations_unchanged: 1 });
    expect(file.answers).toEqual([200, 304]);
    const { next_sync_at, last_sync_at } = await read(user);
    const apartMs = Date.parse(next_sync_at ?? '') - Date.parse(last_sync_at ?? '');
    expect(Math.round(apartMs / HOUR_MS)).toBe(12);
    expect(await planned(user)).toMatchObject({ everyMs: 12 * HOUR_MS });
  });

  test('waits longer after each failure, pauses after five, says why, and goes on after a manual sync', async () => {
    const user = await configured(`http://${server.exports.host}/missing.zip`, 720);
    let waitedMs = 0;
    for (let failures = 1; failures < MAX_FAILURES_IN_A_ROW; failures++) {
      expect(await runOnce(user)).toMatchObject({ status: 'FAILED' });
      const { failures_in_a_row, next_sync_at, last_failure, pause_reason } = await read(user);
      expect({ failures_in_a_row, pause_reason }).toEqual({
        failures_in_a_row: failures,
        pause_reason: null,
      });
      expect(last_failure).toContain('404');
      const waitMs = Date.parse(next_sync_at ?? '') - Date.now();
      expect(waitMs).toBeGreaterThan(waitedMs);
      expect(waitMs).toBeLessThan(720 * HOUR_MS);
      waitedMs = waitMs;
    }
    await runOnce(user);
    expect(await read(user)).toMatchObject({
      sync_enabled: true,
      next_sync_at: null,
      paused_at: expect.any(String),
      pause_reason: expect.stringMatching(/5 failures.*404/),
    });
    expect(await planned(user)).toBeNull();
    const { viewer } = await user.client.request<{ viewer: { auditLog: { edges: object[] } } }>(
      '{ viewer { auditLog { edges { node { action subject } } } } }',
    );
    expect(viewer.auditLog.edges).toContainEqual({
      node: { action: 'sync.paused', subject: expect.stringContaining('404') },
    });

    const other = server.exports.serve(await exportOf([dialogue('mended')]));
    expect(await sync(user.client, other.url)).toMatchObject({ status: 'COMPLETED' });
    await until('the queue follows the row', () => follows(user));
    expect(await read(user)).toMatchObject({
      next_sync_at: expect.any(String),
      failures_in_a_row: 0,
      last_failure: null,
      paused_at: null,
      pause_reason: null,
    });
  });

  test('that is paused goes on with a new configuration', async () => {
    const user = await configured(`http://${server.exports.host}/missing.zip`);
    await server.services.database.query(
      'UPDATE sync_configs SET failures_in_a_row = 5, paused_at = now(), next_sync_at = NULL WHERE user_id = $1',
      [user.viewer.userId],
    );
    await alignSchedule(server.services, user.viewer.userId);
    const { syncConfig } = await user.client.request<{ syncConfig: object }>(
      '{ syncConfig { nextSyncAt failuresInARow pausedAt pauseReason lastFailure } }',
    );
    expect(syncConfig).toMatchObject({
      nextSyncAt: null,
      failuresInARow: 5,
      pausedAt: expect.any(String),
      pauseReason: expect.stringContaining('Paused after 5'),
    });
    await configure(user, { sync_enabled: true, sync_frequency_hours: 1 });
    expect(await read(user)).toMatchObject({ paused_at: null, failures_in_a_row: 0 });
    expect(await planned(user)).toMatchObject({ everyMs: HOUR_MS });
  });

  test('starts one sync however many workers find it due, and none beside a running one', async () => {
    const file = server.exports.serve(await exportOf([dialogue('once')]), { held: true });
    const user = await configured(file.url);
    const due = () =>
      server.services.database.query('UPDATE sync_configs SET next_sync_at = now() WHERE user_id = $1', [
        user.viewer.userId,
      ]);
    await due();
    await Promise.all([1, 2, 3].map(() => runScheduledSync(server.services, user.viewer.userId)));
    expect(await history(user)).toHaveLength(1);
    await due();
    await runScheduledSync(server.services, user.viewer.userId);
    const [task, ...others] = await history(user);
    expect(others).toEqual([]);
    const { next_sync_at, failures_in_a_row } = await read(user);
    expect(failures_in_a_row).toBe(0);
    expect(Date.parse(next_sync_at ?? '') - Date.now()).toBeLessThan(HOUR_MS);
    file.release();
    await untilOver(user.client, task?.sync_id ?? '');
  });

  test('is taken from the queue when it is turned off, and with the account', async () => {
    const file = server.exports.serve(await exportOf([dialogue('off')]));
    const [off, gone] = [await configured(file.url), await configured(file.url)];
    await configure(off, { sync_enabled: false });
    expect(await planned(off)).toBeNull();
    expect(await read(off)).toMatchObject({ sync_enabled: false, next_sync_at: null });
    expect(await planned(gone)).not.toBeNull();
    await gone.client.rest('POST', '/graphql', {
      query: 'mutation { deleteAccount(confirm: "delete my account") { __typename } }',
    });
    expect(await planned(gone)).toBeNull();
  });

  test('that the queue has lost comes back at the same time, and one that is overdue soon', async () => {
    const file = server.exports.serve(await exportOf([dialogue('lost')]));
    const [kept, overdue] = [await configured(file.url), await configured(file.url)];
    await setNext(kept, '1 day');
    const { next_sync_at } = await read(kept);
    for (const user of [kept, overdue]) await server.services.queue.unschedule(schedulerOf(user));
    await setNext(overdue, '-2 days');
    await until('both are there again', async () => (await planned(kept)) && (await planned(overdue)));
    await until('the queue follows the row', () => follows(kept));
    expect((await read(kept)).next_sync_at).toBe(next_sync_at);
    await until('the queue follows the row', () => follows(overdue));
    expect(Date.parse((await read(overdue)).next_sync_at ?? '')).toBeGreaterThan(Date.now() - 1_000);
  });

  test('is in the queue as its user set it last, though a look at it had read the row before', async () => {
    const file = server.exports.serve(await exportOf([dialogue('changed')]));
    for (const hours of [6, null]) {
      const change = { sync_enabled: hours !== null, sync_frequency_hours: hours ?? 12 };
      const user = await configured(file.url);
      const slow = afterReading(user, () => configure(user, change));
      await reconcileSchedules(slow, null);
      expect(await follows(user)).toBe(true);
      expect((await planned(user))?.everyMs ?? null).toBe(hours && hours * HOUR_MS);
    }
  });

  test('counts what fails before there is a task', async () => {
    const user = await configured(server.exports.serve(await exportOf([dialogue('sealed')])).url);
    await server.services.database.query(
      `UPDATE sync_configs SET export_url_sealed = '\\x00', next_sync_at = now() WHERE user_id = $1`,
      [user.viewer.userId],
    );
    await runScheduledSync(server.services, user.viewer.userId);
    expect(await read(user)).toMatchObject({ failures_in_a_row: 1, last_failure: expect.any(String) });
    expect(await history(user)).toEqual([]);
  });

  test('is still due when its sync could not be started', async () => {
    const user = await configured(server.exports.serve(await exportOf([dialogue('later')])).url);
    const { userId } = user.viewer;
    const { database } = server.services;
    await database.query(
      `CREATE FUNCTION test_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room'; END $$`,
    );
    await database.query(
      `CREATE TRIGGER test_refuse BEFORE INSERT ON sync_tasks FOR EACH ROW WHEN (NEW.user_id = '${userId}')
       EXECUTE FUNCTION test_refuse()`,
    );
    await database.query('UPDATE sync_configs SET next_sync_at = now() WHERE user_id = $1', [userId]);
    await expect(runScheduledSync(server.services, userId)).rejects.toThrow('no room');
    await database.query('DROP FUNCTION test_refuse CASCADE');
    expect(await history(user)).toEqual([]);
    await runScheduledSync(server.services, userId);
    const [task] = await history(user);
    await untilOver(user.client, task?.sync_id ?? '');
    expect((await history(user)).map(({ status }) => status)).toEqual(['COMPLETED']);
  });

  test('is not touched by a manual sync that fails', async () => {
    const user = await configured(server.exports.serve(await exportOf([dialogue('manual')])).url);
    const before = await read(user);
    const { id } = await startSync(user.client, `http://${server.exports.host}/missing.zip`);
    await untilOver(user.client, id);
    expect(await read(user)).toEqual(before);
  });
});

test('the owner’s first schedule comes from the environment and stands in the queue', async () => {
  const own = await startTestServer({
    backend: 'postgres',
    env: {
      CHATGPT_SYNC_ENABLED: 'true',
      CHATGPT_EXPORT_URL: 'https://example.com/export.zip',
      CHATGPT_SYNC_INTERVAL_HOURS: '36',
    },
  });
  try {
    expect(await own.services.queue.scheduled(schedulerIdOf(own.viewer.userId))).toMatchObject({
      everyMs: 36 * HOUR_MS,
    });
  } finally {
    await own.close();
  }
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { sync, untilOver } from '../support/syncs.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

/** What JSON makes of a moment. */
const moment = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

describe('The configuration', () => {
  test('knows of a sync before it, as do settings that are made later', async () => {
    const { client } = await server.asUser();
    await sync(client, server.exports.serve(await exportOf([dialogue('before any settings')])).url);
    const lastSyncAt = async () => {
      const { json } = await client.rest('GET', '/sync/config');
      return (json as { last_sync_at: string | null }).last_sync_at;
    };
    const before = await lastSyncAt();
    expect(before).toEqual(moment);
    await client.rest('POST', '/sync/config', { sync_enabled: false });
    expect(await lastSyncAt()).toBe(before);
  });

  test('has defaults, is changed and read again, and never shows the URL', async () => {
    const { client } = await server.asUser();
    const before = await client.rest('GET', '/sync/config');
    expect(before).toMatchObject({ status: 200 });
    expect(before.json).toEqual({
      sync_enabled: false,
      sync_frequency_hours: 24,
      has_export_url: false,
      last_sync_at: null,
      next_sync_at: null,
      failures_in_a_row: 0,
      last_failure: null,
      paused_at: null,
      pause_reason: null,
      created_at: moment,
      updated_at: moment,
    });
    const set = await client.rest('POST', '/sync/config', {
      sync_enabled: true,
      chatgpt_export_url: 'https://example.com/export.zip',
      sync_frequency_hours: 12,
    });
    expect(set).toMatchObject({ status: 200 });
    expect(set.json).toEqual({
      status: 'success',
      message: expect.any(String),
      config: { sync_enabled: true, sync_frequency_hours: 12, has_export_url: true },
    });
    const after = await client.rest('GET', '/sync/config');
    expect(after.json).toMatchObject({ sync_enabled: true, sync_frequency_hours: 12, has_export_url: true });
    expect(set.text + after.text).not.toContain('example.com');
  });

  test('is refused with every field that is wrong, by its name in REST', async () => {
    const { client } = await server.asUser();
    const wrong = { sync_enabled: 'perhaps', sync_frequency_hours: 0.5, chatgpt_export_url: 7 };
    const { status, json } = await client.rest('POST', '/sync/config', wrong);
    expect(status).toBe(422);
    const { detail } = json as { detail: { loc: string[]; msg: string; type: string }[] };
    expect(detail.map((each) => each.loc).toSorted()).toEqual([
      ['body', 'chatgpt_export_url'],
      ['body', 'sync_enabled'],
      ['body', 'sync_frequency_hours'],
    ]);
    for (const each of detail)
      expect(each).toMatchObject({ msg: expect.any(String), type: expect.any(String) });
    const empty = await client.rest('POST', '/sync/config', {});
    expect(empty).toMatchObject({ status: 422, json: { detail: [{ loc: ['body', 'sync_enabled'] }] } });
  });
});

describe('A sync', () => {
  test('is started, watched and found in the history', async () => {
    const { client } = await server.asUser();
    const file = server.exports.serve(await exportOf([dialogue('rest')]), { held: true });
    const started = await client.rest('POST', '/sync/manual', { export_url: file.url });
    expect(started.status).toBe(202);
    expect(started.json).toEqual({
      status: expect.stringMatching(/QUEUED|RUNNING/),
      message: expect.any(String),
      task_id: expect.any(String),
    });
    const taskId = (started.json as { task_id: string }).task_id;

    const running = await client.rest('GET', `/sync/status/${taskId}`);
    expect(running.status).toBe(200);
    expect(running.json).toMatchObject({
      task_id: taskId,
      result: null,
      info: { fraction: expect.any(Number) },
    });
    file.release();
    await untilOver(client, taskId);

    const over = await client.rest('GET', `/sync/status/${taskId}`);
    expect(over.json).toEqual({
      task_id: taskId,
      status: 'COMPLETED',
      result: {
        added: 1,
        updated: 0,
        unchanged: 0,
        skipped: 0,
        failed: 0,
        messages_added: 2,
        assets_added: 0,
      },
      info: {
        phase: 'DONE',
        fraction: 1,
        bytes_done: expect.any(Number),
        bytes_total: expect.any(Number),
        conversations_done: 1,
        conversations_total: 1,
        per_second: null,
        eta_seconds: null,
        queue_position: null,
      },
    });
    const history = await client.rest('GET', '/sync/history');
    expect(history.status).toBe(200);
    expect(history.json).toEqual({
      history: [
        {
          sync_id: taskId,
          sync_type: 'manual',
          status: 'COMPLETED',
          started_at: moment,
          completed_at: moment,
          error_message: null,
          files_processed: 1,
          conversations_added: 1,
          conversations_updated: 0,
          conversations_unchanged: 0,
          conversations_failed: 0,
        },
      ],
      total_syncs: 1,
    });
  });

  test('that failed says why in the history, newest first', async () => {
    const { client } = await server.asUser();
    const first = await sync(client, server.exports.serve(await exportOf([dialogue('fine')])).url);
    const second = await sync(client, server.exports.serve('no zip at all').url);
    const { json } = await client.rest('GET', '/sync/history?limit=1');
    expect(json).toMatchObject({
      history: [{ sync_id: second.id, status: 'FAILED', error_message: expect.stringMatching(/zip/i) }],
      total_syncs: 2,
    });
    const all = await client.rest('GET', '/sync/history?limit=100');
    expect((all.json as { history: { sync_id: string }[] }).history.map((each) => each.sync_id)).toEqual([
      second.id,
      first.id,
    ]);
  });

  test('history of no sensible length is refused by the name of the parameter', async () => {
    const { client } = await server.asUser();
    for (const limit of ['0', '101', 'many', '1.5']) {
      const { status, json } = await client.rest('GET', `/sync/history?limit=${limit}`);
      expect(status, limit).toBe(422);
      expect(json, limit).toMatchObject({ detail: [{ loc: ['query', 'limit'] }] });
    }
  });

  test('is refused for a URL that may not be fetched', async () => {
    const { client } = await server.asUser();
    for (const url of [
      'http://169.254.169.254/latest',
      'file:///etc/passwd',
      'http://localhost:5432/x',
      'x',
    ]) {
      const { status, json } = await client.rest('POST', '/sync/manual', { export_url: url });
      expect(status, url).toBe(422);
      expect(json, url).toMatchObject({ detail: [{ loc: ['body', 'export_url'] }] });
    }
  });

  test('is not started by a body that is sent but not understood', async () => {
    const { client, apiKey } = await server.asUser();
    const configured = server.exports.serve(await exportOf([dialogue('configured')])).url;
    await client.rest('POST', '/sync/config', { sync_enabled: false, chatgpt_export_url: configured });
    const post = (type: string | null, body?: string) =>
      fetch(`${server.url}/sync/manual`, {
        method: 'POST',
        headers: { 'x-api-key': apiKey, ...(type && { 'content-type': type }) },
        body: body === undefined ? null : Buffer.from(body),
      });
    for (const type of ['application/x-www-form-urlencoded', 'text/plain', null]) {
      const answer = await post(type, JSON.stringify({ export_url: 'https://example.com/export.zip' }));
      expect(answer.status, String(type)).toBe(415);
      expect(await answer.json()).toEqual({ detail: expect.stringContaining('application/json') });
    }
    const list = await post('application/json', '["x"]');
    expect(list.status).toBe(422);
    expect(await list.json()).toEqual({
      detail: [{ loc: ['body'], msg: expect.any(String), type: 'invalid_type' }],
    });
    expect((await client.rest('GET', '/sync/history')).json).toMatchObject({ total_syncs: 0 });

    const withoutBody = await post(null);
    expect(withoutBody.status).toBe(202);
    const { task_id: taskId } = (await withoutBody.json()) as { task_id: string };
    expect(await untilOver(client, taskId)).toMatchObject({ status: 'COMPLETED', counts: { added: 1 } });
  });

  test('can be of an archive that is sent', async () => {
    const { client } = await server.asUser();
    const zip = await exportOf([dialogue('sent')]);
    const { status, json } = await client.rest('POST', '/sync/upload?file_name=my.zip', zip);
    expect(status).toBe(202);
    expect(json).toEqual({
      status: expect.any(String),
      message: expect.any(String),
      task_id: expect.any(String),
    });
    const { task_id: taskId } = json as { task_id: string };
    expect(await untilOver(client, taskId)).toMatchObject({
      trigger: 'UPLOAD',
      status: 'COMPLETED',
      source: 'my.zip',
      counts: { added: 1 },
    });
  });

  test('that does not exist is not found, whatever the id looks like', async () => {
    const { client } = await server.asUser();
    const id = Buffer.from('SyncTask:0199a1b2-0000-7000-8000-000000000000').toString('base64url');
    for (const unknown of [id, 'nonsense', '%00', `${id}x`]) {
      const { status, json } = await client.rest('GET', `/sync/status/${unknown}`);
      expect(status, unknown).toBe(404);
      expect(json, unknown).toEqual({ detail: 'No such sync task.' });
    }
  });
});

import { rm, utimes } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { dataDirOf, listBelow } from '../support/account.ts';
import { exportOf } from '../support/exports.ts';
import { startTestServer, type TestUser } from '../support/server.ts';
import { startSync, untilOver } from '../support/syncs.ts';
import { until } from '../support/until.ts';
import { conversations, expectImported, leftovers, MAX_BYTES, setStage } from './stage.ts';

const RESUMABLE = '/sync/upload/resumable';

const stage = setStage();

/** The tus protocol 1.0.0 by hand: creation, HEAD and PATCH. */
function resumable(user: TestUser | null, server = stage.server.url) {
  const headers = { 'tus-resumable': '1.0.0', ...(user ? { 'x-api-key': user.apiKey } : {}) };
  return {
    create: (length: number, fileName = 'my export.zip') =>
      fetch(`${server}${RESUMABLE}`, {
        method: 'POST',
        headers: {
          ...headers,
          'upload-length': String(length),
          'upload-metadata': `filename ${Buffer.from(fileName).toString('base64')}`,
        },
      }),
    head: (url: string) => fetch(url, { method: 'HEAD', headers }),
    end: (url: string) => fetch(url, { method: 'DELETE', headers }),
    patch: (url: string, offset: number, body: Uint8Array<ArrayBuffer>) =>
      fetch(url, {
        method: 'PATCH',
        headers: {
          ...headers,
          'upload-offset': String(offset),
          'content-type': 'application/offset+octet-stream',
        },
        body,
      }),
  };
}

/** Files of uploads that are under way. */
const uploadsOf = () => join(dataDirOf(stage.server.services), 'uploads');

const locationOf = (created: Response) =>
  new URL(created.headers.get('location') ?? '', stage.server.url).href;

describe('A resumable upload', () => {
  test('goes on where it was cut, and the last piece starts the import', async () => {
    const user = await stage.server.asUser();
    const tus = resumable(user);
    const zip = new Uint8Array(await exportOf(conversations));
    const created = await tus.create(zip.length);
    expect(created.status).toBe(201);
    const url = locationOf(created);
    const cut = request(url, {
      method: 'PATCH',
      headers: {
        'x-api-key': user.apiKey,
        'tus-resumable': '1.0.0',
        'upload-offset': '0',
        'content-type': 'application/offset+octet-stream',
        'content-length': zip.length,
      },
    });
    cut.on('error', () => undefined);
    cut.write(zip.subarray(0, 2_000));
    await until('a part has arrived', async () => {
      return (await listBelow(uploadsOf())).length > 0;
    });
    cut.destroy();
    const offset = await until('the lock of the cut request is gone', async () => {
      const head = await tus.head(url);
      return head.status === 200 ? { bytes: Number(head.headers.get('upload-offset')) } : null;
    });
    const middle = offset.bytes + 1_000;
    const next = await tus.patch(url, offset.bytes, zip.subarray(offset.bytes, middle));
    expect([next.status, next.headers.get('upload-offset')]).toEqual([204, String(middle)]);
    expect((await tus.patch(url, 5, zip.subarray(5, 10))).status).toBe(409);
    const last = await tus.patch(url, middle, zip.subarray(middle));
    expect(last.status).toBe(200);
    const { task_id } = (await last.json()) as { task_id: string };
    expect(await untilOver(user.client, task_id)).toMatchObject({ source: 'my export.zip' });
    await expectImported(stage, user, task_id);
    expect((await tus.head(url)).status).toBeGreaterThanOrEqual(404);
  });

  test('that takes longer than a day is spared while its bytes arrive', async () => {
    const user = await stage.server.asUser();
    const tus = resumable(user);
    const zip = new Uint8Array(await exportOf(conversations));
    const url = locationOf(await tus.create(zip.length));
    expect((await tus.patch(url, 0, zip.subarray(0, 1_000))).status).toBe(204);
    const yesterday = new Date(Date.now() - 25 * 60 * 60_000);
    const [note = ''] = (await listBelow(uploadsOf())).filter((name) => name.endsWith('.json'));
    await utimes(join(uploadsOf(), note), yesterday, yesterday);
    await stage.server.services.workspace.sweep(async () => true);
    expect((await tus.head(url)).headers.get('upload-offset')).toBe('1000');
    const last = await tus.patch(url, 1_000, zip.subarray(1_000));
    expect(last.status).toBe(200);
    await expectImported(stage, user, ((await last.json()) as { task_id: string }).task_id);
  });

  test('can be ended once, and is gone then', async () => {
    const tus = resumable(await stage.server.asUser());
    const url = locationOf(await tus.create(1_000));
    expect((await tus.end(url)).status).toBe(204);
    expect((await tus.end(url)).status).toBe(404);
    expect(await leftovers(stage)).toEqual([]);

    const lost = locationOf(await tus.create(1_000));
    const [note = ''] = (await listBelow(uploadsOf())).filter((name) => name.endsWith('.json'));
    await rm(join(uploadsOf(), note));
    expect((await tus.end(lost)).status).toBe(404);
    expect((await tus.head(lost)).status).toBe(404);
    expect(await leftovers(stage)).toEqual([]);
  });

  test('of another user cannot be seen, gone on with or ended', async () => {
    const [owner, other] = [await stage.server.asUser(), await stage.server.asUser()];
    const zip = new Uint8Array(await exportOf(conversations));
    const url = locationOf(await resumable(owner).create(zip.length));
    expect((await resumable(other).head(url)).status).toBe(404);
    expect((await resumable(other).patch(url, 0, zip)).status).toBe(404);
    expect((await resumable(null).head(url)).status).toBe(401);
    expect((await resumable(null).create(10)).status).toBe(401);
    const last = await resumable(owner).patch(url, 0, zip);
    await expectImported(stage, owner, ((await last.json()) as { task_id: string }).task_id);
  });

  test('that is refused is refused as everything else is', async () => {
    const stranger = await resumable(null).create(10);
    expect(stranger.status).toBe(401);
    expect(stranger.headers.get('www-authenticate')).toBe('ApiKey header="X-API-Key"');
    expect(await stranger.json()).toMatchObject({ detail: expect.stringContaining('X-API-Key') });
    const reader = await stage.server.asUser(new Set(['read']));
    expect(await (await resumable(reader).create(10)).json()).toEqual({
      detail: 'This needs the scope "write".',
    });

    const tight = await startTestServer({
      backend: 'postgres',
      worker: false,
      env: { RATE_LIMIT_FACTOR: '0.01' },
    });
    try {
      const { create } = resumable(await tight.asUser(), tight.url);
      expect((await create(10)).status).toBe(201);
      const refused = await create(10);
      expect(refused.status).toBe(429);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(refused.headers.get('content-type')).toMatch(/^application\/json/);
      expect(await refused.json()).toEqual({ detail: expect.stringContaining('try again') });
    } finally {
      await tight.close();
    }
  });

  test('that fails unexpectedly is told a request id, and only the log tells why', async () => {
    const user = await stage.server.asUser();
    const tus = resumable(user);
    const zip = new Uint8Array(await exportOf(conversations));
    const url = locationOf(await tus.create(zip.length));
    const { database } = stage.server.services;
    await database.query('ALTER TABLE sync_tasks RENAME TO sync_tasks_away');
    const failed = await tus.patch(url, 0, zip);
    await database.query('ALTER TABLE sync_tasks_away RENAME TO sync_tasks');
    expect(failed.status).toBe(500);
    const { detail, request_id } = (await failed.json()) as { detail: string; request_id: string };
    expect(detail).toBe(`Something went wrong. Quote the request id ${request_id}.`);
    const told = stage.server.logged().split('\n');
    expect(told.filter((line) => line.includes(request_id)).join('\n')).toContain('sync_tasks');

    const last = await tus.patch(url, zip.length, new Uint8Array());
    await expectImported(stage, user, ((await last.json()) as { task_id: string }).task_id);
  });

  test('that is too large is refused at once', async () => {
    const user = await stage.server.asUser();
    expect((await resumable(user).create(MAX_BYTES + 1)).status).toBe(413);
    expect(await leftovers(stage)).toEqual([]);
  });

  test('that ends while a sync runs is imported later', async () => {
    const user = await stage.server.asUser();
    const tus = resumable(user);
    const zip = new Uint8Array(await exportOf(conversations));
    const url = locationOf(await tus.create(zip.length));
    const held = stage.server.exports.serve(await exportOf([dialogue('first')]), { held: true });
    const running = await startSync(user.client, held.url);
    expect((await tus.create(10)).status).toBe(409);
    const refused = await tus.patch(url, 0, zip);
    expect([refused.status, refused.headers.get('content-type')]).toEqual([409, 'application/json']);
    expect(await refused.json()).toEqual({
      detail: expect.stringContaining('already waiting or running'),
      task_id: running.id,
    });
    held.release();
    await untilOver(user.client, running.id);
    const last = await tus.patch(url, zip.length, new Uint8Array());
    expect(last.status).toBe(200);
    await expectImported(stage, user, ((await last.json()) as { task_id: string }).task_id);
  });
});

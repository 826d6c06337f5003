import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dialogue } from './archive/builders.ts';
import { dataDirOf, listBelow } from './support/account.ts';
import { exportOf } from './support/exports.ts';
import { startTestServer, type TestServer, type TestUser } from './support/server.ts';
import { startSync, untilOver } from './support/syncs.ts';
import { until } from './support/until.ts';

const MAX_BYTES = 200_000;
const RESUMABLE = '/sync/upload/resumable';

let server: TestServer;
let ingestRoot: string;
let outside: string;
beforeAll(async () => {
  ingestRoot = await mkdtemp(join(tmpdir(), 'sidecar-ingest-'));
  outside = await mkdtemp(join(tmpdir(), 'sidecar-outside-'));
  server = await startTestServer({
    backend: 'postgres',
    env: { MAX_ARCHIVE_BYTES: String(MAX_BYTES), INGEST_ROOT: ingestRoot },
  });
});
afterAll(async () => {
  await server.close();
  for (const path of [ingestRoot, outside]) await rm(path, { recursive: true, force: true });
});

const conversations = Array.from({ length: 40 }, (_, index) => dialogue(`u${index}`));

/** Files that uploads have left below the data folder. */
async function leftovers(): Promise<string[]> {
  const dataDir = dataDirOf(server.services);
  return [...(await listBelow(join(dataDir, 'archives'))), ...(await listBelow(join(dataDir, 'uploads')))];
}

async function expectImported(user: TestUser, taskId: string) {
  expect(await untilOver(user.client, taskId)).toMatchObject({
    trigger: 'UPLOAD',
    status: 'COMPLETED',
    counts: { added: 40, failed: 0 },
  });
  await until('the archive is gone', async () => (await leftovers()).length === 0);
}

async function post(
  user: TestUser | null,
  path: string,
  body: BodyInit,
  headers: Record<string, string> = {},
) {
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    body,
    headers: { ...(user ? { 'x-api-key': user.apiKey } : {}), ...headers },
  });
  return { status: response.status, json: (await response.json()) as { task_id: string; detail: unknown } };
}

/** A request whose body is under way; nobody waits for its answer. */
function beginUpload(user: TestUser, headers: Record<string, string>, first: Buffer | string): ClientRequest {
  const upload = request(`${server.url}/sync/upload`, {
    method: 'POST',
    headers: { 'x-api-key': user.apiKey, ...headers },
  });
  upload.on('error', () => undefined);
  upload.write(first);
  return upload;
}

const formHead = (name: string) =>
  `--line\r\nContent-Disposition: form-data; name="${name}"; filename="mine.zip"\r\nContent-Type: application/zip\r\n\r\n`;
const formType = { 'content-type': 'multipart/form-data; boundary=line' };

describe('An upload', () => {
  test('as the body of a request is imported', async () => {
    const user = await server.asUser();
    const { status, json } = await post(user, '/sync/upload', new Uint8Array(await exportOf(conversations)));
    expect(status).toBe(202);
    await expectImported(user, json.task_id);
  });

  test('as a form is imported under its own name', async () => {
    const user = await server.asUser();
    const form = new FormData();
    form.append('note', 'fields beside the file do not matter');
    form.append('file', new Blob([new Uint8Array(await exportOf(conversations))]), 'my export.zip');
    const { status, json } = await post(user, '/sync/upload', form);
    expect(status).toBe(202);
    expect(await untilOver(user.client, json.task_id)).toMatchObject({ source: 'my export.zip' });
    await expectImported(user, json.task_id);
  });

  test('without the file, or of somebody unknown, is refused', async () => {
    const user = await server.asUser();
    const form = new FormData();
    form.append('other', new Blob(['x']), 'x.zip');
    expect(await post(user, '/sync/upload', form)).toMatchObject({
      status: 422,
      json: { detail: [{ loc: ['body', 'file'], type: 'missing' }] },
    });
    expect((await post(user, '/sync/upload', 'no form', formType)).status).toBe(422);
    expect((await post(null, '/sync/upload', 'x')).status).toBe(401);
    const reader = await server.asUser(new Set(['read']));
    expect((await post(reader, '/sync/upload', 'x')).status).toBe(403);
    expect(await leftovers()).toEqual([]);
  });

  test('that is too large is refused and leaves nothing', async () => {
    const user = await server.asUser();
    const large = new Uint8Array(MAX_BYTES * 20);
    expect((await post(user, '/sync/upload', large)).status).toBe(413);
    const form = new FormData();
    form.append('file', new Blob([large]), 'large.zip');
    expect((await post(user, '/sync/upload', form)).status).toBe(413);
    // Of a length that is not told beforehand.
    const chunked = beginUpload(user, {}, Buffer.from(large));
    const [answer] = (await once(chunked, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(413);
    chunked.destroy();
    await until('nothing is left', async () => (await leftovers()).length === 0);
    const { json } = await user.client.rest('GET', '/sync/history');
    expect(json).toMatchObject({ total_syncs: 0 });
  });

  test.each([
    ['as the body of a request', { 'content-length': '100000' }, ''],
    ['in chunks', {}, ''],
    ['as a form', formType, formHead('file')],
  ])('%s that breaks off leaves nothing', async (_name, headers, head) => {
    const user = await server.asUser();
    const upload = beginUpload(user, headers, Buffer.concat([Buffer.from(head), Buffer.alloc(50_000, 1)]));
    await until('it is being written', async () => (await leftovers()).length > 0);
    upload.destroy();
    await until('nothing is left', async () => (await leftovers()).length === 0);
    const { json } = await user.client.rest('GET', '/sync/history');
    expect(json).toMatchObject({ total_syncs: 0 });
  });

  test('is refused before it is read while a sync runs', async () => {
    const user = await server.asUser();
    const held = server.exports.serve(await exportOf([dialogue('held')]), { held: true });
    const running = await startSync(user.client, held.url);
    expect(await post(user, '/sync/upload', 'PK')).toMatchObject({
      status: 409,
      json: { task_id: running.id },
    });
    held.release();
    await untilOver(user.client, running.id);
  });
});

/** The tus protocol 1.0.0 by hand: creation, HEAD and PATCH. */
function resumable(user: TestUser | null) {
  const headers = { 'tus-resumable': '1.0.0', ...(user ? { 'x-api-key': user.apiKey } : {}) };
  return {
    create: (length: number, fileName = 'my export.zip') =>
      fetch(`${server.url}${RESUMABLE}`, {
        method: 'POST',
        headers: {
          ...headers,
          'upload-length': String(length),
          'upload-metadata': `filename ${Buffer.from(fileName).toString('base64')}`,
        },
      }),
    head: (url: string) => fetch(url, { method: 'HEAD', headers }),
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

const locationOf = (created: Response) => new URL(created.headers.get('location') ?? '', server.url).href;

describe('A resumable upload', () => {
  test('goes on where it was cut, and the last piece starts the import', async () => {
    const user = await server.asUser();
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
      const names = await listBelow(join(dataDirOf(server.services), 'uploads'));
      return names.length > 0;
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
    await expectImported(user, task_id);
    expect((await tus.head(url)).status).toBeGreaterThanOrEqual(404);
  });

  test('of another user cannot be seen, gone on with or ended', async () => {
    const [owner, other] = [await server.asUser(), await server.asUser()];
    const zip = new Uint8Array(await exportOf(conversations));
    const url = locationOf(await resumable(owner).create(zip.length));
    expect((await resumable(other).head(url)).status).toBe(404);
    expect((await resumable(other).patch(url, 0, zip)).status).toBe(404);
    expect((await resumable(null).head(url)).status).toBe(401);
    expect((await resumable(null).create(10)).status).toBe(401);
    const last = await resumable(owner).patch(url, 0, zip);
    await expectImported(owner, ((await last.json()) as { task_id: string }).task_id);
  });

  test('that is too large is refused at once', async () => {
    const user = await server.asUser();
    expect((await resumable(user).create(MAX_BYTES + 1)).status).toBe(413);
    expect(await leftovers()).toEqual([]);
  });

  test('that ends while a sync runs is imported later', async () => {
    const user = await server.asUser();
    const tus = resumable(user);
    const zip = new Uint8Array(await exportOf(conversations));
    const url = locationOf(await tus.create(zip.length));
    const held = server.exports.serve(await exportOf([dialogue('first')]), { held: true });
    const running = await startSync(user.client, held.url);
    expect((await tus.create(10)).status).toBe(409);
    expect((await tus.patch(url, 0, zip)).status).toBe(409);
    held.release();
    await untilOver(user.client, running.id);
    const last = await tus.patch(url, zip.length, new Uint8Array());
    expect(last.status).toBe(200);
    await expectImported(user, ((await last.json()) as { task_id: string }).task_id);
  });
});

describe('A folder of the server', () => {
  const ingest = (user: TestUser, rootPath: string, path = '/ingest/chatgpt-export') =>
    user.client.rest('POST', path, { root_path: rootPath });

  test('and a zip below INGEST_ROOT are imported in place', async () => {
    const user = await server.asUser();
    await mkdir(join(ingestRoot, 'folder'));
    await writeFile(
      join(ingestRoot, 'folder', 'conversations.json'),
      JSON.stringify([dialogue('f1'), dialogue('f2')]),
    );
    await writeFile(join(ingestRoot, '..zip'), await exportOf([dialogue('z1')]));
    expect(await ingest(user, 'folder')).toMatchObject({
      status: 200,
      json: { imported_conversations: 2, task_id: expect.any(String) },
    });
    expect(await ingest(user, join(ingestRoot, '..zip'), '/ingest/chatgpt-export-multi-layer')).toMatchObject(
      {
        status: 200,
        json: {
          conversations_processed: 1,
          chunks_by_layer: { message: 2, exchange: 2, conversation: 1 },
          total_chunks: 5,
        },
      },
    );
    expect(await listBelow(ingestRoot)).toEqual(['..zip', 'folder/conversations.json']);
    expect(await leftovers()).toEqual([]);
  });

  test('outside of INGEST_ROOT is refused, however it is named', async () => {
    const user = await server.asUser();
    await writeFile(join(outside, 'export.zip'), await exportOf([dialogue('secret')]));
    await symlink(outside, join(ingestRoot, 'link'));
    const paths = [
      outside,
      join(outside, 'export.zip'),
      `${ingestRoot}/../${outside.slice(5)}`,
      '../..',
      'link',
      'link/export.zip',
      '/none',
    ];
    for (const path of paths) expect(await ingest(user, path)).toMatchObject({ status: 403 });
    expect(await ingest(user, 'none.zip')).toMatchObject({ status: 404 });
    expect(await ingest(user, 'a\0b')).toMatchObject({ status: 404 });
    expect(await ingest(user, '')).toMatchObject({
      status: 422,
      json: { detail: [{ loc: ['body', 'root_path'] }] },
    });
    const { json } = await user.client.rest('GET', '/sync/history');
    expect(json).toMatchObject({ total_syncs: 0 });
    await rm(join(ingestRoot, 'link'));
  });

  test('is never imported without INGEST_ROOT', async () => {
    const plain = await startTestServer({ backend: 'postgres' });
    try {
      const { status, json } = await plain.client.rest('POST', '/ingest/chatgpt-export', {
        root_path: outside,
      });
      expect(status).toBe(403);
      expect(json).toMatchObject({ detail: expect.stringContaining('INGEST_ROOT') });
    } finally {
      await plain.close();
    }
  });
});

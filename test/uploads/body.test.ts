import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { dialogue, makeZip } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import type { TestUser } from '../support/server.ts';
import { startSync, untilOver } from '../support/syncs.ts';
import { until } from '../support/until.ts';
import { conversations, expectImported, leftovers, MAX_BYTES, setStage } from './stage.ts';

const stage = setStage();

async function post(
  user: TestUser | null,
  path: string,
  body: BodyInit,
  headers: Record<string, string> = {},
) {
  const response = await fetch(`${stage.server.url}${path}`, {
    method: 'POST',
    body,
    headers: { ...(user ? { 'x-api-key': user.apiKey } : {}), ...headers },
  });
  return { status: response.status, json: (await response.json()) as { task_id: string; detail: unknown } };
}

/** A request whose body is under way; nobody waits for its answer. */
function beginUpload(user: TestUser, headers: Record<string, string>, first: Buffer | string): ClientRequest {
  const upload = request(`${stage.server.url}/sync/upload`, {
    method: 'POST',
    headers: { 'x-api-key': user.apiKey, ...headers },
  });
  upload.on('error', () => undefined);
  upload.write(first);
  return upload;
}

/** With so many files that are not the archive. */
function formOf(others: number): FormData {
  const form = new FormData();
  for (let index = 0; index < others; index++) form.append('other', new Blob(['hi']), `${index}.txt`);
  return form;
}

const formHead = (name: string) =>
  `--line\r\nContent-Disposition: form-data; name="${name}"; filename="mine.zip"\r\nContent-Type: application/zip\r\n\r\n`;
const formType = { 'content-type': 'multipart/form-data; boundary=line' };

describe('An upload', () => {
  test('as the body of a request is imported', async () => {
    const user = await stage.server.asUser();
    const { status, json } = await post(user, '/sync/upload', new Uint8Array(await exportOf(conversations)));
    expect(status).toBe(202);
    await expectImported(stage, user, json.task_id);
  });

  test('as a form is imported under its own name', async () => {
    const user = await stage.server.asUser();
    const form = new FormData();
    form.append('note', 'fields beside the file do not matter');
    form.append('file', new Blob([new Uint8Array(await exportOf(conversations))]), 'my export.zip');
    const { status, json } = await post(user, '/sync/upload', form);
    expect(status).toBe(202);
    expect(await untilOver(user.client, json.task_id)).toMatchObject({ source: 'my export.zip' });
    await expectImported(stage, user, json.task_id);
  });

  test('as a form with other files before it is imported', async () => {
    const user = await stage.server.asUser();
    const form = formOf(9);
    form.append('file', new Blob([new Uint8Array(await exportOf(conversations))]), 'mine.zip');
    form.append('file', new Blob(['another']), 'another.zip');
    form.append('other', new Blob(['one behind it']), 'behind.txt');
    const { status, json } = await post(user, '/sync/upload', form);
    expect(status).toBe(202);
    expect(await untilOver(user.client, json.task_id)).toMatchObject({ source: 'mine.zip' });
    await expectImported(stage, user, json.task_id);

    const full = formOf(10);
    full.append('file', new Blob([new Uint8Array(await exportOf(conversations))]), 'mine.zip');
    expect((await post(user, '/sync/upload', full)).status).toBe(422);
  });

  test('that is compressed is refused with advice, as a body and in pieces', async () => {
    const user = await stage.server.asUser();
    const zip = gzipSync(await exportOf(conversations));
    for (const [path, headers] of [
      ['/sync/upload', {}],
      ['/sync/upload/resumable', { 'tus-resumable': '1.0.0', 'upload-length': String(zip.length) }],
    ] as const) {
      const body = new Uint8Array(zip);
      expect(await post(user, path, body, { ...headers, 'content-encoding': 'gzip' })).toMatchObject({
        status: 415,
        json: { detail: 'Send the body as it is, without Content-Encoding.' },
      });
    }
    expect(await leftovers(stage)).toEqual([]);
    const plain = new Uint8Array(await exportOf(conversations));
    const { status, json } = await post(user, '/sync/upload', plain, { 'content-encoding': 'identity' });
    expect(status).toBe(202);
    await expectImported(stage, user, json.task_id);
  });

  test('without the file, or of somebody unknown, is refused', async () => {
    const user = await stage.server.asUser();
    const form = new FormData();
    form.append('other', new Blob(['x']), 'x.zip');
    expect(await post(user, '/sync/upload', form)).toMatchObject({
      status: 422,
      json: { detail: [{ loc: ['body', 'file'], type: 'missing' }] },
    });
    expect((await post(user, '/sync/upload', 'no form', formType)).status).toBe(422);
    expect((await post(null, '/sync/upload', 'x')).status).toBe(401);
    const reader = await stage.server.asUser(new Set(['read']));
    expect((await post(reader, '/sync/upload', 'x')).status).toBe(403);
    expect(await leftovers(stage)).toEqual([]);
  });

  test('that is too large is refused and leaves nothing', async () => {
    const user = await stage.server.asUser();
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
    await until('nothing is left', async () => (await leftovers(stage)).length === 0);
    const { json } = await user.client.rest('GET', '/sync/history');
    expect(json).toMatchObject({ total_syncs: 0 });
  });

  test.each([
    ['as the body of a request', { 'content-length': '100000' }, ''],
    ['in chunks', {}, ''],
    ['as a form', formType, formHead('file')],
  ])('%s that breaks off leaves nothing, and is no failure of the server', async (name, headers, head) => {
    const user = await stage.server.asUser();
    const id = name.replaceAll(' ', '-');
    const upload = beginUpload(
      user,
      { ...headers, 'x-request-id': id },
      Buffer.concat([Buffer.from(head), Buffer.alloc(50_000, 1)]),
    );
    await until('it is being written', async () => (await leftovers(stage)).length > 0);
    upload.destroy();
    await until('nothing is left', async () => (await leftovers(stage)).length === 0);
    const { json } = await user.client.rest('GET', '/sync/history');
    expect(json).toMatchObject({ total_syncs: 0 });
    const linesOf = () =>
      stage.server
        .logged()
        .split('\n')
        .filter((line) => line.includes(`"${id}"`));
    await until('its end is logged', () => linesOf().some((line) => line.includes('request aborted')));
    expect(linesOf().filter((line) => JSON.parse(line).level >= 50)).toEqual([]);
  });

  test.each([
    ['file', 10],
    ['file', MAX_BYTES / 2],
    ['other', 10],
    ['other', MAX_BYTES * 20],
  ])('as a form whose part %s ends without a boundary after %i bytes is refused', async (name, bytes) => {
    const user = await stage.server.asUser();
    const { status } = await post(user, '/sync/upload', formHead(name) + 'x'.repeat(bytes), formType);
    expect(status).toBe(422);
    await until('nothing is left', async () => (await leftovers(stage)).length === 0);
    const { json } = await user.client.rest('GET', '/sync/history');
    expect(json).toMatchObject({ total_syncs: 0 });
  });

  const stranger = JSON.stringify([{ chat_id: 'x', turns: [] }, { chat_id: 'y' }]);
  const good = JSON.stringify([dialogue('good')]);
  test.each([
    [
      'a file of conversations was left out',
      { 'conversations-000.json': good, '/conversations-001.json': good },
    ],
    ['only another file was left out', { 'conversations.json': good, '/x.json': good }, 'COMPLETED'],
    [
      'there are no conversations',
      { 'conversations.json': stranger },
      /has the keys chat_id, turns.*ChatGPT and Claude/,
    ],
    ['its file is a web page', { 'conversations.json': '<html>' }, /not a JSON array/],
    ['its file is not UTF-8', { 'conversations.json': Buffer.from('[{}]', 'utf16le') }, /UTF-8/],
  ])('tells when %s', async (_name, files, end: string | RegExp = 'PARTIAL') => {
    const user = await stage.server.asUser();
    const zip = makeZip(Object.entries(files).map(([name, data]) => ({ name, data })));
    const { json } = await post(user, '/sync/upload', new Uint8Array(zip));
    expect(await untilOver(user.client, json.task_id)).toMatchObject(
      typeof end === 'string'
        ? { status: end, counts: { added: 1 }, error: null }
        : { status: 'FAILED', error: { code: 'NOTHING_FOUND', message: expect.stringMatching(end) } },
    );
  });

  test('is refused before it is read while a sync runs', async () => {
    const user = await stage.server.asUser();
    const held = stage.server.exports.serve(await exportOf([dialogue('held')]), { held: true });
    const running = await startSync(user.client, held.url);
    expect(await post(user, '/sync/upload', 'PK')).toMatchObject({
      status: 409,
      json: { task_id: running.id },
    });
    held.release();
    await untilOver(user.client, running.id);
  });
});

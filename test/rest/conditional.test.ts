import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { withFiles } from '../support/conversations.ts';
import { zipOf } from '../support/exports.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { changeTask, sync } from '../support/syncs.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

/** Imports a conversation with one attachment of this content, which may be missing, and others without. */
async function importFile({ client }: TestUser, content: string | null, ...others: object[]) {
  const zip = await zipOf({
    'conversations.json': JSON.stringify([withFiles('one', { id: 'file-One', name: 'one.png' }), ...others]),
    ...(content === null ? {} : { 'file-One-one.png': content }),
  });
  return sync(client, server.exports.serve(zip).url);
}

/** Where the attachment stands. */
async function urlOf({ client }: TestUser): Promise<string> {
  const { conversations } = await client.request<{
    conversations: { edges: { node: { assets: { url: string }[] } }[] };
  }>('{ conversations(first: 5) { edges { node { assets { url } } } } }');
  const [asset] = conversations.edges.flatMap(({ node }) => node.assets);
  return asset?.url ?? '';
}

/** Fetches an attachment under the headers of a condition or range. */
async function get({ apiKey }: TestUser, url: string, headers: Record<string, string> = {}) {
  const response = await fetch(new URL(url, server.url), { headers: { 'x-api-key': apiKey, ...headers } });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

async function storeFile(content: string) {
  const user = await server.asUser();
  await importFile(user, content);
  const url = await urlOf(user);
  const first = await get(user, url);
  return { user, url, first, etag: first.headers.get('etag') ?? '' };
}

test('a part is sent only of the very bytes that If-Range names', async () => {
  const { user, url, etag } = await storeFile('0123456789');
  for (const [ifRange, status, text] of [
    [etag, 206, '01'],
    ['"other"', 200, '0123456789'],
    // Neither a weak tag nor a time promises the same bytes.
    [`W/${etag}`, 200, '0123456789'],
    ['Tue, 03 Mar 2026 10:00:00 GMT', 200, '0123456789'],
  ] as const) {
    const answer = { ifRange, ...(await get(user, url, { range: 'bytes=0-1', 'if-range': ifRange })) };
    expect(answer).toMatchObject({ ifRange, status, text });
  }
  const outside = await get(user, url, { range: 'bytes=99-', 'if-range': '"other"' });
  expect(outside).toMatchObject({ status: 200, text: '0123456789' });
});

test('nothing is sent of other bytes than If-Match names', async () => {
  const { user, url, etag } = await storeFile('0123456789');
  for (const [ifMatch, status] of [
    [etag, 206],
    [`"other", ${etag}`, 206],
    ['*', 206],
    ['"other"', 412],
  ] as const) {
    expect(await get(user, url, { range: 'bytes=0-1', 'if-match': ifMatch })).toMatchObject({ status });
  }
});

test('a range that is none is passed over', async () => {
  const { user, url } = await storeFile('0123456789');
  for (const range of ['bytes=5-2', 'bytes=0-1,5-2', 'bytes=x-', 'bytes', 'items=99-']) {
    const answer = { range, ...(await get(user, url, { range })) };
    expect(answer).toMatchObject({ range, status: 200, text: '0123456789' });
  }
});

test('a range is cut to the file', async () => {
  const { user, url } = await storeFile('0123456789');
  for (const [range, status, text] of [
    ['bytes=8-99', 206, '89'],
    ['bytes=-3', 206, '789'],
    ['bytes=-99', 206, '0123456789'],
    ['bytes=10-', 416, expect.stringContaining('10 bytes')],
    ['bytes=-0', 416, expect.stringContaining('10 bytes')],
    ['bytes=0-1,3-4', 200, '0123456789'],
  ] as const) {
    expect({ range, ...(await get(user, url, { range })) }).toMatchObject({ range, status, text });
  }
});

test('what a client has already is neither read nor sent again', async () => {
  const { user, url, first, etag } = await storeFile('some bytes');
  await server.services.files.removeAll(user.viewer.userId);
  const cases: Record<string, string>[] = [
    { 'if-none-match': etag },
    { 'if-none-match': `"other", W/${etag}` },
    { 'if-none-match': '*' },
    { 'if-none-match': etag, range: 'bytes=0-1' },
    { 'if-none-match': etag, range: 'bytes=99-' },
  ];
  for (const conditions of cases) {
    const answer = { conditions, ...(await get(user, url, conditions)) };
    expect(answer).toMatchObject({ conditions, status: 304, text: '' });
    // A cache puts these in place of those that it has.
    for (const name of ['etag', 'cache-control', 'content-security-policy']) {
      expect(answer.headers.get(name)).toBe(first.headers.get(name));
    }
    expect(answer.headers.get('content-range')).toBeNull();
  }
  const stranger = await server.asUser();
  expect((await get(stranger, url, { 'if-none-match': etag })).status).toBe(404);
});

test('an attachment that has other bytes after an undo is sent anew under the same URL', async () => {
  const user = await server.asUser();
  await importFile(user, null);
  const task = await importFile(user, 'first bytes', dialogue('x'));
  const url = await urlOf(user);
  const before = await get(user, url);
  expect(before.text).toBe('first bytes');
  expect(before.headers.get('cache-control')).toBe('private, no-cache');
  const etag = before.headers.get('etag') ?? '';

  await changeTask(user.client, 'undoSync', task.id);
  await importFile(user, 'other bytes', dialogue('y'));
  expect(await urlOf(user)).toBe(url);
  const cases: Record<string, string>[] = [
    { 'if-none-match': etag },
    { range: 'bytes=5-', 'if-range': etag },
  ];
  for (const conditions of cases) {
    expect(await get(user, url, conditions)).toMatchObject({ status: 200, text: 'other bytes' });
  }
});

/** What this process has read, of files and sockets. */
async function readSoFar(): Promise<number> {
  const [, bytes] = /rchar: (\d+)/.exec(await readFile('/proc/self/io', 'utf8')) ?? [];
  return Number(bytes);
}

test('HEAD tells of a file without reading it', async () => {
  const { user, url, first } = await storeFile('x'.repeat(30_000_000));
  const before = await readSoFar();
  const response = await fetch(new URL(url, server.url), {
    method: 'HEAD',
    headers: { 'x-api-key': user.apiKey },
  });
  expect(response.status).toBe(200);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-length': '30000000',
    etag: first.headers.get('etag'),
  });
  expect((await readSoFar()) - before).toBeLessThan(10_000_000);
});

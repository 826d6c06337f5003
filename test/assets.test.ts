import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dialogue } from './archive/builders.ts';
import { listFiles } from './support/account.ts';
import { withFiles } from './support/conversations.ts';
import { zipOf } from './support/exports.ts';
import { startTestServer, type TestServer, type TestUser } from './support/server.ts';
import { sync } from './support/syncs.ts';

const png = Buffer.concat([
  Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex'),
  Buffer.alloc(5_000, 7),
]);

interface AssetAnswer {
  id: string;
  externalId: string;
  name: string | null;
  mimeType: string | null;
  sizeBytes: number | null;
  sha256: string | null;
  url: string | null;
  missing: boolean;
}

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

const importZip = async (user: TestUser, files: Record<string, string | Buffer>) =>
  sync(user.client, server.exports.serve(await zipOf(files)).url);

const importFiles = (user: TestUser, conversations: object[], files: Record<string, string | Buffer>) =>
  importZip(user, { 'conversations.json': JSON.stringify(conversations), ...files });

async function assetsOf({ client }: TestUser): Promise<Record<string, AssetAnswer>> {
  const { conversations } = await client.request<{
    conversations: { edges: { node: { assets: AssetAnswer[] } }[] };
  }>(
    `{ conversations(first: 50) { edges { node {
      assets { id externalId name mimeType sizeBytes sha256 url missing }
    } } } }`,
  );
  const assets = conversations.edges.flatMap((edge) => edge.node.assets);
  return Object.fromEntries(assets.map((asset) => [asset.externalId, asset]));
}

async function fetchAsset(asset: AssetAnswer | undefined, user: TestUser | null, headers = {}) {
  if (!asset?.url) throw new Error(`The asset has no URL: ${JSON.stringify(asset)}`);
  const response = await fetch(new URL(asset.url, server.url), {
    headers: { ...(user ? { 'x-api-key': user.apiKey } : {}), ...headers },
  });
  return { response, bytes: Buffer.from(await response.arrayBuffer()) };
}

test('attachments are found under either naming scheme and stored once for each content', async () => {
  const user = await server.asUser();
  const task = await importFiles(
    user,
    [
      withFiles('one', { id: 'file-A1', name: 'cat.png', mimeType: 'image/png', sizeBytes: png.length }),
      withFiles('two', { id: 'file_b2' }, { id: 'file-Gone', name: 'gone.pdf' }),
    ],
    {
      'file-A1-cat.png': png,
      'file_b2.dat': png,
      'conversation_asset_file_names.json': '{"file_b2.dat": "again.png"}',
    },
  );
  expect(task).toMatchObject({ status: 'COMPLETED', counts: { added: 2, assetsAdded: 2 } });
  const sha256 = createHash('sha256').update(png).digest('hex');
  const assets = await assetsOf(user);
  expect(assets['file-A1']).toMatchObject({ name: 'cat.png', mimeType: 'image/png', sha256, missing: false });
  expect(assets.file_b2).toMatchObject({
    name: 'again.png',
    mimeType: 'image/png',
    sha256,
    missing: false,
  });
  expect(assets['file-Gone']).toMatchObject({ name: 'gone.pdf', sha256: null, missing: true });
  expect(await listFiles(server.services, user.viewer.userId)).toEqual([`${sha256.slice(0, 2)}/${sha256}`]);
  const { response, bytes } = await fetchAsset(assets.file_b2, user);
  expect(response.status).toBe(200);
  expect(bytes.equals(png)).toBe(true);
});

test('an attachment has the type of its own name where the export tells none', async () => {
  const user = await server.asUser();
  await importFiles(user, [withFiles('typed', { id: 'file-Csv', name: 'data.csv', mimeType: '' })], {
    'file-Csv.dat': 'a,b\n1,2\n',
  });
  expect((await assetsOf(user))['file-Csv']).toMatchObject({ name: 'data.csv', mimeType: 'text/csv' });
});

test('an attachment is served to its owner alone', async () => {
  const [owner, other] = [await server.asUser(), await server.asUser()];
  const zip = { 'file-Own.png': png };
  await importFiles(owner, [withFiles('mine', { id: 'file-Own' })], zip);
  await importFiles(other, [withFiles('mine', { id: 'file-Own' })], zip);
  const asset = (await assetsOf(owner))['file-Own'];
  expect((await fetchAsset(asset, owner)).response.status).toBe(200);
  expect((await fetchAsset(asset, other)).response.status).toBe(404);
  const stranger = await fetchAsset(asset, null);
  expect(stranger.response.status).toBe(401);
  expect(stranger.response.headers.get('www-authenticate')).toMatch(/ApiKey/);
});

test('an attachment can be read in part', async () => {
  const user = await server.asUser();
  await importFiles(user, [withFiles('part', { id: 'file-Part' })], { 'file-Part.png': png });
  const asset = (await assetsOf(user))['file-Part'];
  for (const [range, start, end] of [
    ['bytes=0-9', 0, 9],
    ['bytes=100-', 100, png.length - 1],
    ['bytes=-5', png.length - 5, png.length - 1],
    ['bytes=5000-999999', 5_000, png.length - 1],
  ] as const) {
    const { response, bytes } = await fetchAsset(asset, user, { range });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end}/${png.length}`);
    expect(bytes.equals(png.subarray(start, end + 1))).toBe(true);
  }
  const { response } = await fetchAsset(asset, user, { range: `bytes=${png.length}-` });
  expect(response.status).toBe(416);
  expect(response.headers.get('content-range')).toBe(`bytes */${png.length}`);
});

test('no attachment runs as a page', async () => {
  const user = await server.asUser();
  const page = '<!doctype html><script>alert(1)</script>';
  const drawing = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>';
  await importFiles(
    user,
    [
      withFiles(
        'pages',
        { id: 'file-Page', name: 'page.html', mimeType: 'text/html' },
        { id: 'file-Draw', name: 'draw.svg', mimeType: 'image/svg+xml' },
        { id: 'file-Lie', name: 'lie.html', mimeType: 'image/png' },
        { id: 'file-Odd', name: 'a"b\r\nSet-Cookie: x=1.html', mimeType: 'text/html\r\nX-Evil: 1' },
        { id: 'file-Text', name: 'notes.txt', mimeType: 'text/plain' },
      ),
    ],
    {
      'file-Page-page.html': page,
      'file-Draw-d.svg': drawing,
      'file-Lie.dat': page,
      'file-Odd.dat': page,
      'file-Text.dat': 'hi',
    },
  );
  const assets = await assetsOf(user);
  for (const id of ['file-Page', 'file-Draw', 'file-Odd']) {
    const { response } = await fetchAsset(assets[id], user);
    expect(response.headers.get('content-type')).toBe('application/octet-stream');
    expect(response.headers.get('content-disposition')).toMatch(/^attachment/);
    expect(response.headers.get('set-cookie')).toBeNull();
    expect(response.headers.get('x-evil')).toBeNull();
  }
  for (const [id, type] of [
    ['file-Lie', 'image/png'],
    ['file-Text', 'text/plain; charset=utf-8'],
  ] as const) {
    const { response } = await fetchAsset(assets[id], user);
    expect(response.headers.get('content-type')).toBe(type);
    expect(response.headers.get('content-disposition')).toMatch(/^inline/);
  }
  for (const asset of Object.values(assets)) {
    const { headers } = (await fetchAsset(asset, user)).response;
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toMatch(/^sandbox; default-src 'none'/);
  }
});

test('a missing attachment arrives with a later export that holds it', async () => {
  const user = await server.asUser();
  const conversation = withFiles('waits', { id: 'file-Wait', name: 'late.png' });
  await importFiles(user, [conversation], {});
  expect((await assetsOf(user))['file-Wait']).toMatchObject({ missing: true, url: null, sizeBytes: null });

  const later = await importFiles(user, [conversation, dialogue('fresh')], { 'file-Wait-late.png': png });
  expect(later).toMatchObject({ status: 'COMPLETED', counts: { added: 1, unchanged: 1, assetsAdded: 1 } });
  const asset = (await assetsOf(user))['file-Wait'];
  expect(asset).toMatchObject({ missing: false, mimeType: 'image/png' });
  expect((await fetchAsset(asset, user)).bytes.equals(png)).toBe(true);
});

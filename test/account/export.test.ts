import { createHash } from 'node:crypto';
import unzipper from 'unzipper';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { removeExpiredFiles } from '../../src/domain/background/file.ts';
import { localId } from '../../src/domain/global-id.ts';
import { dialogue } from '../archive/builders.ts';
import { listFiles } from '../support/account.ts';
import { askBackground, fetchMade, followBackground, readBackground } from '../support/background.ts';
import { grown, withFiles } from '../support/conversations.ts';
import { zipOf } from '../support/exports.ts';
import { backends, startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { sync } from '../support/syncs.ts';
import { until } from '../support/until.ts';

const picture = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(3_000, 5)]);

type Json = Record<string, unknown>;

async function unzip(bytes: Buffer): Promise<Map<string, Buffer>> {
  const { files } = await unzipper.Open.buffer(bytes);
  return new Map(await Promise.all(files.map(async (file) => [file.path, await file.buffer()] as const)));
}

/** Where each table with a user's rows stands in an export, or why it does not. */
const places: Record<string, string> = {
  api_keys: 'account/api-keys.json',
  assets: 'assets/assets.jsonl',
  audit_events: 'account/audit.jsonl',
  background_tasks: 'account/tasks.jsonl',
  chat_sessions: 'chat/sessions.jsonl',
  chat_turns: 'chat/sessions.jsonl',
  conversation_versions: 'originals/chatgpt/conversations-001.json',
  conversations: 'conversations/conversations-001.jsonl',
  deleted_conversations: 'account/deleted-conversations.jsonl',
  imported_archives: 'sync/archives.json',
  known_sources: 'sync/sources.json',
  message_assets: 'conversations/conversations-001.jsonl',
  message_search: 'left out: made of the messages',
  message_vectors: 'left out: made of the messages',
  messages: 'conversations/conversations-001.jsonl',
  sessions: 'account/sessions.json',
  sync_configs: 'sync/settings.json',
  sync_problems: 'sync/problems.jsonl',
  sync_tasks: 'sync/tasks.jsonl',
};

const jsonIn = (files: Map<string, Buffer>, path: string) =>
  JSON.parse(files.get(path)?.toString() ?? 'null');
const linesIn = (files: Map<string, Buffer>, path: string): Json[] =>
  (files.get(path)?.toString() ?? '')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

describe.each(backends)('On %s', (backend) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ backend });
  });
  afterAll(() => server.close());

  /** Two exports of two conversations, one with files, one of which is missing. */
  async function filled(user: TestUser): Promise<Buffer[]> {
    const first = [
      dialogue('plain'),
      withFiles('files', { id: 'file-A', name: 'ä/..\\b.png' }, { id: 'file-B' }),
    ];
    const second = [grown('plain')];
    const files = { 'file-A.png': picture };
    const texts = [first, second].map((conversations) => JSON.stringify(conversations));
    for (const [index, text] of texts.entries()) {
      const zip = await zipOf({ 'conversations.json': text, ...(index === 0 ? files : {}) });
      expect(await sync(user.client, server.exports.serve(zip).url)).toMatchObject({ status: 'COMPLETED' });
    }
    return [...first, ...second].map((conversation) => Buffer.from(JSON.stringify(conversation)));
  }

  async function exported(user: TestUser) {
    const { id } = await askBackground(user.client, 'exportMyData');
    const states = await followBackground(user.client, id);
    const last = states.at(-1);
    expect(last).toMatchObject({ status: 'COMPLETED', error: null, progress: { fraction: 1 } });
    const { response, bytes } = await fetchMade(server, user, last?.downloadUrl ?? '');
    expect(response.status).toBe(200);
    return { id, states, last, bytes, response, files: await unzip(bytes) };
  }

  test('an export holds all that the tables and the file store have of a user', async () => {
    const user = await server.asUser();
    const originals = await filled(user);
    const { userId } = user.viewer;
    const { prisma } = server.services;
    const { states, files, response, bytes, last } = await exported(user);

    expect(states.map(({ seq }) => seq)).toEqual(states.map(({ seq }) => seq).toSorted((a, b) => a - b));
    expect(last?.progress).toEqual({ done: 6, total: 6, fraction: 1 });
    expect(last?.fileBytes).toBe(bytes.length);
    expect(response.headers.get('content-disposition')).toMatch(/^attachment; filename=sidecar-account-/);
    expect(response.headers.get('cache-control')).toBe('private, no-store');

    const conversations = linesIn(files, 'conversations/conversations-001.jsonl');
    const rows = await prisma.conversation.findMany({ where: { userId }, orderBy: { id: 'asc' } });
    expect(conversations.map(({ id, title, externalId }) => ({ id, title, externalId }))).toEqual(
      rows.map(({ id, title, externalId }) => ({ id, title, externalId })),
    );
    for (const conversation of conversations) {
      const messages = await prisma.message.findMany({
        where: { userId, conversationId: String(conversation.id) },
        omit: { userId: true, conversationId: true, ordinal: true },
        orderBy: { ordinal: 'asc' },
      });
      const told = (conversation.messages as Json[]).map(({ attachments: _files, ...message }) => message);
      expect(told).toEqual(JSON.parse(JSON.stringify(messages)));
    }

    const shard = files.get('originals/chatgpt/conversations-001.json') ?? Buffer.alloc(0);
    expect(JSON.parse(shard.toString())).toHaveLength(3);
    for (const original of originals) expect(shard.includes(original)).toBe(true);

    const assets = linesIn(files, 'assets/assets.jsonl');
    const held = assets.find(({ externalId }) => externalId === 'file-A');
    expect(files.get(String(held?.path))?.equals(picture)).toBe(true);
    expect(assets.find(({ externalId }) => externalId === 'file-B')).toMatchObject({
      path: null,
      sha256: null,
    });
    const names = [...files.keys()].flatMap((path) => path.split('/'));
    expect(names.filter((name) => /^\.*$|\\/.test(name))).toEqual([]);

    expect(jsonIn(files, 'profile.json')).toMatchObject({ id: userId, displayName: 'Second' });
    expect(linesIn(files, 'sync/tasks.jsonl')).toHaveLength(2);
    expect(linesIn(files, 'account/audit.jsonl').map(({ action }) => action)).toContain('data.exported');
    const whole = [...files.values()].map(String).join('');
    expect(whole).not.toMatch(/Sealed|leaseToken|keyHash|tokenHash/);

    const manifest = jsonIn(files, 'manifest.json');
    expect(manifest.counts).toEqual({
      conversations: 2,
      messages: 6,
      originals: 3,
      assets: 1,
      missingAssets: 0,
    });
    const others = [...files].filter(([path]) => path !== 'manifest.json');
    expect(manifest.files).toEqual(
      others.map(([path, content]) => ({
        path,
        bytes: content.length,
        sha256: createHash('sha256').update(content).digest('hex'),
      })),
    );
  });

  test('every table with a user’s rows is in the export, or is left out for a reason', async () => {
    const user = await server.asUser();
    const zip = await zipOf({ 'conversations.json': JSON.stringify([dialogue('plain')]) });
    const { url } = server.exports.serve(zip, { etag: '"first"' });
    expect(await sync(user.client, url)).toMatchObject({ status: 'COMPLETED' });
    const { files } = await exported(user);
    const tables = await server.services.database.query<{ name: string }>(
      `SELECT DISTINCT table_name AS name FROM information_schema.columns WHERE column_name = 'user_id'
         AND table_schema IN ('public', 'sidecar_vectors')`,
    );
    expect(tables.length).toBeGreaterThan(15);
    for (const { name } of tables) {
      const place = places[name] ?? `${name} is neither in the export nor left out`;
      if (!place.startsWith('left out: ')) expect([...files.keys()]).toContain(place);
    }
    const [source] = jsonIn(files, 'sync/sources.json');
    expect(source).toEqual({
      etag: '"first"',
      lastModified: null,
      archiveSha256: createHash('sha256').update(zip).digest('hex'),
    });
  });

  test('an export is its user’s alone, and holds nothing of anybody else', async () => {
    const [user, other] = [await server.asUser(), await server.asUser()];
    await filled(user);
    const { id, last } = await exported(user);
    const url = last?.downloadUrl ?? '';
    expect((await fetchMade(server, other, url)).response.status).toBe(404);
    expect((await fetchMade(server, null, url)).response.status).toBe(401);
    expect((await fetchMade(server, other, '/exports/unknown')).response.status).toBe(404);
    expect(
      await askBackground(other.client, 'cancelBackgroundTask(id: $id)', { id }, '($id: ID!)'),
    ).toMatchObject({
      __typename: 'NotFound',
    });
    const { bytes } = await fetchMade(server, user, url, { range: 'bytes=0-3' });
    expect(bytes.toString('hex')).toBe('504b0304');

    const empty = await exported(other);
    expect(jsonIn(empty.files, 'manifest.json').counts).toMatchObject({ conversations: 0, assets: 0 });
    expect([...empty.files.values()].map(String).join('')).not.toContain(user.viewer.userId);
  });

  test('a newer export takes the place of the older one', async () => {
    const user = await server.asUser();
    const first = await exported(user);
    const second = await exported(user);
    expect((await fetchMade(server, user, first.last?.downloadUrl ?? '')).response.status).toBe(404);
    expect(await readBackground(user.client, first.id)).toMatchObject({
      status: 'COMPLETED',
      downloadUrl: null,
    });
    const files = () => listFiles(server.services, user.viewer.userId);
    await until('the older one is removed', async () => (await files()).length === 1);
    expect((await fetchMade(server, user, second.last?.downloadUrl ?? '')).response.status).toBe(200);
  });

  test('a file whose time is over is neither served nor kept', async () => {
    const user = await server.asUser();
    const { id, last } = await exported(user);
    const inDays = (Date.parse(last?.expiresAt ?? '') - Date.now()) / 86_400_000;
    expect(inDays).toBeGreaterThan(6.9);
    expect(inDays).toBeLessThan(7.1);
    const taskId = localId('BackgroundTask', id);
    await server.services.prisma.backgroundTask.update({
      where: { userId_id: { userId: user.viewer.userId, id: taskId } },
      data: { expiresAt: new Date(Date.now() - 1_000) },
    });
    expect((await fetchMade(server, user, last?.downloadUrl ?? '')).response.status).toBe(404);
    await removeExpiredFiles(server.services);
    expect(await listFiles(server.services, user.viewer.userId)).toEqual([]);
  });

  test('an attachment that the server lost does not stop the export, which says so', async () => {
    const user = await server.asUser();
    await filled(user);
    await server.services.files.removeAll(user.viewer.userId);
    const { files } = await exported(user);
    expect(jsonIn(files, 'manifest.json').counts).toMatchObject({ assets: 0, missingAssets: 1 });
    expect(linesIn(files, 'assets/assets.jsonl').map(({ path }) => path)).toEqual([null, null]);
  });
});

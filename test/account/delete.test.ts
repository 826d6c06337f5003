import { randomBytes } from 'node:crypto';
import { access } from 'node:fs/promises';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { localId } from '../../src/domain/global-id.ts';
import { dialogue } from '../archive/builders.ts';
import { listFiles } from '../support/account.ts';
import { askBackground, followBackground } from '../support/background.ts';
import { withFiles } from '../support/conversations.ts';
import { exportOf, zipOf } from '../support/exports.ts';
import { holdImportsAfter } from '../support/gate.ts';
import { backends, startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { startSync, sync } from '../support/syncs.ts';
import { until } from '../support/until.ts';

async function erase(client: TestUser['client'], confirm: string): Promise<Record<string, unknown>> {
  const { deleteAccount } = await client.request<{ deleteAccount: Record<string, unknown> }>(
    `mutation M($confirm: String!) { deleteAccount(confirm: $confirm) {
      __typename ... on AccountDeletion { deletedAt } ... on Error { message code }
    } }`,
    { confirm },
  );
  return deleteAccount;
}

/**
 * Every table of the database, in every schema, that names any of these ids, the user's first, in any column. The
 * queue's own log of events may still tell of jobs by the ids of their tasks, which lead nowhere.
 */
async function tablesNaming({ services }: TestServer, ids: string[]): Promise<string[]> {
  const tables = await services.database.query<{ name: string }>(
    `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
     WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`,
  );
  expect(tables.length).toBeGreaterThan(20);
  const naming: string[] = [];
  for (const { name } of tables) {
    const found = await services.database.query(
      `SELECT FROM ${name} t WHERE EXISTS (SELECT FROM unnest($1::text[]) id WHERE position(id IN t::text) > 0) LIMIT 1`,
      [name === 'bullmq.event' ? ids.slice(0, 1) : ids],
    );
    if (found.length > 0) naming.push(name);
  }
  return naming;
}

/** All rows with this user's id, in every table that has such a column. */
async function rowsOf({ services }: TestServer, userId: string): Promise<Record<string, unknown[]>> {
  const tables = await services.database.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.columns
     WHERE table_schema = 'public' AND column_name = 'user_id' ORDER BY 1`,
  );
  const rows: Record<string, unknown[]> = {};
  for (const { name } of tables) {
    const found = await services.database.query(
      `SELECT t::text FROM ${name} t WHERE user_id = $1 ORDER BY 1`,
      [userId],
    );
    if (found.length > 0) rows[name] = found;
  }
  return rows;
}

describe.each(backends)('On %s', (backend) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ backend });
  });
  afterAll(() => server.close());

  /** A row of the user's in every table that can have one; answers the ids that stand in them. */
  async function fill({ client, viewer }: Pick<TestUser, 'client' | 'viewer'>): Promise<string[]> {
    const { userId } = viewer;
    const { prisma } = server.services;
    const broken = '{"conversation_id": "broken", "mapping": {broken}}';
    const whole = [withFiles('files', { id: 'file-A' }), dialogue('kept'), dialogue('goes')];
    const texts = whole.map((conversation) => JSON.stringify(conversation));
    const zips = [[...texts, broken], texts].map((some) =>
      zipOf({ 'conversations.json': `[${some.join(',')}]`, 'file-A.txt': 'content' }),
    );
    const [first, second] = await Promise.all(zips);
    expect(await sync(client, server.exports.serve(first ?? '').url)).toMatchObject({ status: 'PARTIAL' });
    const { url } = server.exports.serve(second ?? '', { etag: '"1"' });
    expect(await sync(client, url)).toMatchObject({ status: 'COMPLETED' });
    const [goes] = await prisma.conversation.findMany({ where: { userId, externalId: 'goes' } });
    await client.request(
      'mutation M($id: ID!) { deleteConversation(id: $id) { __typename ... on Error { message } } }',
      { id: Buffer.from(`Conversation:${goes?.id}`).toString('base64url') },
    );
    await sync(client, url);
    await client.rest('POST', '/sync/config', { sync_enabled: true, chatgpt_export_url: url });
    const { id } = await askBackground(client, 'exportMyData');
    await followBackground(client, id);

    const [sessionId, keyId, chatId] = [uuidv7(), uuidv7(), uuidv7()];
    const expiresAt = new Date(Date.now() + 86_400_000);
    await prisma.session.create({
      data: { id: sessionId, userId, tokenHash: randomBytes(32), data: {}, expiresAt },
    });
    await prisma.apiKey.create({
      data: {
        id: keyId,
        userId,
        name: 'a key',
        prefix: randomBytes(6).toString('hex'),
        keyHash: randomBytes(32),
      },
    });
    await prisma.chatSession.create({ data: { id: chatId, userId, title: 'a talk' } });
    await prisma.chatTurn.create({
      data: { userId, sessionId: chatId, ordinal: 0, query: 'why?', context: [] },
    });
    await server.services.database.query('INSERT INTO rate_limits (key, points) VALUES ($1, 1)', [
      `search:${userId}`,
    ]);
    const conversations = await prisma.conversation.findMany({ where: { userId } });
    const tasks = await prisma.syncTask.findMany({ where: { userId } });
    return [
      userId,
      sessionId,
      keyId,
      chatId,
      localId('BackgroundTask', id),
      ...[...conversations, ...tasks].map((row) => row.id),
    ];
  }

  test('an account that was deleted is nowhere any more, and nobody else’s has changed', async () => {
    const [user, other] = [await server.asUser(), await server.asUser()];
    const ids = await fill(user);
    await fill(other);
    const before = await rowsOf(server, other.viewer.userId);
    const filesBefore = await listFiles(server.services, other.viewer.userId);
    const tables = Object.keys(await rowsOf(server, user.viewer.userId));
    // What no test can fill through the server is not in this part of it: everything else must have been there.
    const { database } = server.services;
    const all = await database.query<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.columns
       WHERE table_schema = 'public' AND column_name = 'user_id' ORDER BY 1`,
    );
    expect(all.map(({ name }) => name).filter((name) => !tables.includes(name))).toEqual([
      'imported_archives',
    ]);

    expect(await erase(user.client, ' Delete my account ')).toMatchObject({ __typename: 'AccountDeletion' });
    expect(await tablesNaming(server, ids)).toEqual([]);
    expect(await listFiles(server.services, user.viewer.userId)).toEqual([]);
    const archives = ids.map((id) => server.services.workspace.archivePath(id));
    for (const path of archives) await expect(access(path)).rejects.toThrow('ENOENT');
    expect(await rowsOf(server, other.viewer.userId)).toEqual(before);
    expect(await listFiles(server.services, other.viewer.userId)).toEqual(filesBefore);

    const notes = await server.services.prisma.auditEvent.findMany({ where: { action: 'account.deleted' } });
    expect(notes).toMatchObject([
      { userId: server.viewer.userId, subject: null, credential: null, address: null, userAgent: null },
    ]);
  });

  test('a sync that runs is stopped first, and leaves nothing behind', async () => {
    const user = await server.asUser();
    const present = await server.services.prisma.conversation.count();
    const gate = await holdImportsAfter(server.databaseUrl, present);
    try {
      const { url } = server.exports.serve(await exportOf([dialogue('one'), dialogue('two')]));
      const { id } = await startSync(user.client, url);
      await until('its batch is being written', () => gate.isWaitedFor());
      const erasing = erase(user.client, 'delete my account');
      await until('the deletion waits for it', () => gate.isTaskWaitedFor());
      await gate.open();
      expect(await erasing).toMatchObject({ __typename: 'AccountDeletion' });
      const { userId } = user.viewer;
      expect(await tablesNaming(server, [userId, localId('SyncTask', id)])).toEqual([]);
      expect(await listFiles(server.services, userId)).toEqual([]);
    } finally {
      await gate.open();
    }
  });

  test('an account stays as it is until its user confirms', async () => {
    const user = await server.asUser();
    const { userId } = user.viewer;
    await server.services.prisma.user.update({ where: { id: userId }, data: { email: 'Me@Example.org' } });
    for (const confirm of ['', 'yes', 'delete', 'other@example.org']) {
      expect(await erase(user.client, confirm)).toMatchObject({ __typename: 'InvalidInput' });
    }
    expect(await server.services.prisma.user.count({ where: { id: userId } })).toBe(1);
    const reader = await server.asUser(new Set(['read']));
    expect(await erase(reader.client, 'delete my account')).toMatchObject({ __typename: 'NotAllowed' });
    expect(await erase(user.client, 'me@example.org')).toMatchObject({ __typename: 'AccountDeletion' });
    expect(await erase(user.client, 'me@example.org')).toMatchObject({ code: 'NOT_FOUND' });
  });

  test('the owner’s account is empty afterwards, and the server’s key still opens it', async () => {
    await fill(server);
    const { client, viewer } = server;
    expect(await erase(client, 'delete my account')).toMatchObject({ __typename: 'AccountDeletion' });
    const { audit_events: notes, ...rest } = await rowsOf(server, viewer.userId);
    expect(rest).toEqual({});
    expect(JSON.stringify(notes)).toContain('account.deleted');
    expect(await client.request('{ viewer { displayName } conversations { totalCount } }')).toEqual({
      viewer: { displayName: 'Owner' },
      conversations: { totalCount: 0 },
    });
    const task = await sync(client, server.exports.serve(await exportOf([dialogue('anew')])).url);
    expect(task).toMatchObject({ status: 'COMPLETED', counts: { added: 1, skipped: 0 } });
  });
});

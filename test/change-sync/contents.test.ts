import { afterAll, beforeAll, expect, test } from 'vitest';
import { deleteAccount } from '../../src/domain/account/delete.ts';
import { deleteConversation } from '../../src/domain/conversation/delete.ts';
import { localId } from '../../src/domain/global-id.ts';
import type { Services } from '../../src/domain/services.ts';
import { undoSync } from '../../src/domain/sync/undo.ts';
import { listFiles } from '../support/account.ts';
import { withFiles } from '../support/conversations.ts';
import { zipOf } from '../support/exports.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { readTask, startSync, sync, untilOver } from '../support/syncs.ts';
import { until } from '../support/until.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

const content = Buffer.from('the same in every export');
const exportWith = (id: string, fileId: string) =>
  zipOf({
    'conversations.json': JSON.stringify([withFiles(id, { id: fileId })]),
    [`${fileId}.txt`]: content,
  });

/** Between the look whether a content is named and its removal something happens. */
function withSlowRemoval(happens: () => Promise<void>): Services {
  const { files } = server.services;
  return {
    ...server.services,
    files: {
      ...files,
      async remove(userId, sha256) {
        await happens();
        await files.remove(userId, sha256);
      },
    },
  };
}

/** Begins a sync, which comes as far as it can: to its end, or to where it waits for the removal. */
async function beginSync({ client }: Pick<TestUser, 'client'>, url: string): Promise<string> {
  const { id } = await startSync(client, url);
  await until('the sync is over or waits for the removal', async () => {
    const waiting = await server.services.database.query(
      `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    return waiting.length > 0 || (await readTask(client, id)).status === 'COMPLETED';
  });
  return id;
}

/** The one row of a file names the one content that is there. */
async function expectOneContent({ viewer: { userId } }: Pick<TestUser, 'viewer'>): Promise<void> {
  const assets = await server.services.prisma.asset.findMany({ where: { userId } });
  const names = assets.map(({ sha256 }) => Buffer.from(sha256 ?? []).toString('hex'));
  expect(names).toHaveLength(1);
  expect(await listFiles(server.services, userId)).toEqual(
    names.map((name) => `${name.slice(0, 2)}/${name}`),
  );
}

test('a content that a sync brings again while an undo removes it is there', async () => {
  const user = await server.asUser();
  const file = server.exports.serve(await exportWith('c', 'file-Cat'));
  const first = await sync(user.client, file.url);
  let again = '';
  const services = withSlowRemoval(async () => {
    again = await beginSync(user, file.url);
  });
  await undoSync(services, user.viewer, localId('SyncTask', first.id));
  expect(await untilOver(user.client, again)).toMatchObject({
    status: 'COMPLETED',
    counts: { assetsAdded: 1 },
  });
  await expectOneContent(user);
});

test('a content that a sync brings under another name while its conversation is deleted is there', async () => {
  const user = await server.asUser();
  await sync(user.client, server.exports.serve(await exportWith('c', 'file-Cat')).url);
  const [conversation] = await server.services.prisma.conversation.findMany({
    where: { userId: user.viewer.userId },
  });
  const other = server.exports.serve(await exportWith('d', 'file-Dog'));
  let again = '';
  const services = withSlowRemoval(async () => {
    again = await beginSync(user, other.url);
  });
  await deleteConversation(services, user.viewer, conversation?.id ?? '');
  expect(await untilOver(user.client, again)).toMatchObject({
    status: 'COMPLETED',
    counts: { assetsAdded: 1 },
  });
  await expectOneContent(user);
});

test('a content that a file of a background task has as well outlives the undo of its sync', async () => {
  const user = await server.asUser();
  const first = await sync(user.client, server.exports.serve(await exportWith('c', 'file-Cat')).url);
  const [asset] = await server.services.prisma.asset.findMany({ where: { userId: user.viewer.userId } });
  await server.services.database.query(
    `INSERT INTO background_tasks (user_id, id, kind, status, input, file_sha256, expires_at)
     SELECT $1, gen_random_uuid(), 'ACCOUNT_EXPORT', 'COMPLETED', '{}', $2, now() + interval '1 day'`,
    [user.viewer.userId, asset?.sha256],
  );
  await undoSync(server.services, user.viewer, localId('SyncTask', first.id));
  expect(await listFiles(server.services, user.viewer.userId)).toHaveLength(1);
});

test('a content that the owner imports while the rest of the deleted account is cleared away is there', async () => {
  const file = server.exports.serve(await exportWith('c', 'file-Cat'));
  await sync(server.client, file.url);
  const { files } = server.services;
  let clearances = 0;
  let again = '';
  const services: Services = {
    ...server.services,
    files: {
      ...files,
      async removeAll(userId) {
        clearances += 1;
        if (clearances === 2) again = await beginSync(server, file.url);
        await files.removeAll(userId);
      },
    },
  };
  await deleteAccount(services, server.viewer, 'delete my account');
  expect(await untilOver(server.client, again)).toMatchObject({ status: 'COMPLETED' });
  await expectOneContent(server);
});

test('a content whose conversation is deleted before the sync has named it is not left behind', async () => {
  const user = await server.asUser();
  const { database, prisma } = server.services;
  const { userId } = user.viewer;
  const file = server.exports.serve(await exportWith('c', 'file-Cat'));
  const id = await database.transaction(async (tx) => {
    await tx.execute('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`contents ${userId}`]);
    const id = await beginSync(user, file.url);
    expect(await listFiles(server.services, userId)).toHaveLength(1);
    const conversation = await prisma.conversation.findFirst({ where: { userId } });
    await deleteConversation(server.services, user.viewer, conversation?.id ?? '');
    return id;
  });
  expect(await untilOver(user.client, id)).toMatchObject({ status: 'COMPLETED', counts: { assetsAdded: 0 } });
  expect(await listFiles(server.services, userId)).toEqual([]);
});

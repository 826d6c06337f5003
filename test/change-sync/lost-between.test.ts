import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deleteConversation } from '../../src/domain/conversation/delete.ts';
import { encodeId, localId } from '../../src/domain/global-id.ts';
import type { Services } from '../../src/domain/services.ts';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import { holdImportsAfter } from '../support/gate.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { changeTask, foundBy, problemsOf, readTask, startSync, sync, untilOver } from '../support/syncs.ts';
import { until } from '../support/until.ts';

// What a task has read and is gone before the task ends.

let server: TestServer;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sidecar-lost-'));
  server = await startTestServer({ backend: 'postgres', env: { INGEST_ROOT: folder } });
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

type Account = Pick<TestUser, 'client' | 'viewer'>;

const dialogues = (name: string, count: number) =>
  Array.from({ length: count }, (_, index) => dialogue(`${name}${index}`));

const known = dialogues('known', 300);
/** Several batches: one or two more may pass before a cancel has the task's row. */
const news = dialogues('new', 2_000);

/** Starts a task of what is known and more, and cancels it when it is through with the former. */
async function cancelBehindKnown(user: Account, start: () => Promise<string>): Promise<string> {
  const present = await server.services.prisma.conversation.count();
  const gate = await holdImportsAfter(server.databaseUrl, present + 1);
  try {
    const id = await start();
    await until('it is being written', () => gate.isWaitedFor());
    const cancelling = changeTask(user.client, 'cancelSync', id);
    await until('the cancel waits for it', () => gate.isTaskWaitedFor());
    await gate.open();
    expect(await cancelling).toMatchObject({ status: 'CANCELLED', counts: { unchanged: known.length } });
    await untilOver(user.client, id);
    return id;
  } finally {
    await gate.open();
  }
}

/** Undoes a task that brought what is known, and then retries the one that was cancelled behind it. */
async function retryAfterUndo(user: Account, undone: string, cancelled: string): Promise<void> {
  expect(await changeTask(user.client, 'undoSync', undone)).toMatchObject({ status: 'UNDONE' });
  await changeTask(user.client, 'retrySync', cancelled);
  const over = await untilOver(user.client, cancelled);
  const all = known.length + news.length;
  expect(over).toMatchObject({ status: 'COMPLETED', progress: { conversationsDone: all } });
  expect(foundBy(over)).toBe(all);
  expect(await server.services.prisma.conversation.count({ where: { userId: user.viewer.userId } })).toBe(
    all,
  );
}

test('A task that was cancelled reads its archive anew when an older one was undone before its retry', async () => {
  const user = await server.asUser();
  const first = await sync(user.client, server.exports.serve(await exportOf(known)).url);
  const { url } = server.exports.serve(await exportOf([...known, ...news], { perShard: 300 }));
  const second = await cancelBehindKnown(user, async () => (await startSync(user.client, url)).id);
  await retryAfterUndo(user, first.id, second);
  expect(await sync(user.client, url)).toMatchObject({ counts: { added: 0, unchanged: 2_300 } });
});

test('So does one that reads a folder', async () => {
  const first = await sync(server.client, server.exports.serve(await exportOf(known)).url);
  await writeFile(join(folder, 'conversations.json'), JSON.stringify([...known, ...news]));
  let answered: Promise<unknown> | undefined;
  const second = await cancelBehindKnown(server, async () => {
    answered = server.client.rest('POST', '/ingest/chatgpt-export', { root_path: '.' });
    return until('the task is there', async () => {
      const task = await server.services.prisma.syncTask.findFirst({
        where: { userId: server.viewer.userId, status: 'RUNNING' },
      });
      return task && encodeId('SyncTask', task.id);
    });
  });
  await answered;
  await retryAfterUndo(server, first.id, second);
});

test('A retry of what failed does not pass for a whole import when an older task was undone before', async () => {
  const user = await server.asUser();
  const { database } = server.services;
  const first = await sync(user.client, server.exports.serve(await exportOf([dialogue('fine')])).url);
  await database.query(
    `CREATE FUNCTION refuse_one() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF NEW.external_id = 'refused' THEN RAISE EXCEPTION 'not this one' USING ERRCODE = '22000'; END IF;
       RETURN NEW;
     END $$`,
  );
  await database.query(
    'CREATE TRIGGER refuse_one BEFORE INSERT ON conversations FOR EACH ROW EXECUTE FUNCTION refuse_one()',
  );
  const { url } = server.exports.serve(await exportOf([dialogue('fine'), dialogue('refused')]));
  const second = await sync(user.client, url);
  await database.query('DROP FUNCTION refuse_one CASCADE');
  expect(second).toMatchObject({ status: 'PARTIAL', counts: { unchanged: 1, failed: 1 } });
  await changeTask(user.client, 'undoSync', first.id);
  await changeTask(user.client, 'retrySync', second.id);
  expect(await untilOver(user.client, second.id)).toMatchObject({
    status: 'COMPLETED',
    counts: { added: 1, failed: 0 },
  });
  expect(await sync(user.client, url)).toMatchObject({ counts: { added: 1, unchanged: 1 } });
});

/** Waits for a sync to come as far as it can beside a deletion that is not committed: to its end, or to where it waits. */
const untilStuck = (user: Account, id: string) =>
  until('it is over or waits for the deletion', async () => {
    const waiting = await server.services.database.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
       AND query LIKE 'UPDATE users%'`,
    );
    return waiting.length > 0 || (await readTask(user.client, id)).status === 'COMPLETED';
  });

test.each(['while it was imported', 'as its import ended'])(
  'An archive is read again, and says what it leaves out, when a conversation was deleted %s',
  async (moment) => {
    const user = await server.asUser();
    const { prisma, database } = server.services;
    const { url } = server.exports.serve(await exportOf(dialogues('some', 600), { perShard: 100 }));
    const gate = await holdImportsAfter(server.databaseUrl, (await prisma.conversation.count()) + 1);
    try {
      const { id } = await startSync(user.client, url);
      await until('it is being written', () => gate.isWaitedFor());
      const conversation = await prisma.conversation.findFirst({ where: { userId: user.viewer.userId } });
      const late: Services = {
        ...server.services,
        database: {
          ...database,
          transaction: (work) =>
            database.transaction(async (tx) => {
              const value = await work(tx);
              await gate.open();
              await untilStuck(user, id);
              return value;
            }),
        },
      };
      const services = moment === 'while it was imported' ? server.services : late;
      await deleteConversation(services, user.viewer, conversation?.id ?? '');
      await gate.open();
      expect(await untilOver(user.client, id)).toMatchObject({ status: 'COMPLETED', counts: { added: 600 } });
    } finally {
      await gate.open();
    }
    const again = await sync(user.client, url);
    expect(again).toMatchObject({ status: 'COMPLETED', counts: { unchanged: 599, skipped: 1 } });
    expect(await problemsOf(user.client, again.id)).toMatchObject([{ code: 'DELETED_BY_YOU' }]);
  },
);

test('A task that is to read anew keeps its counts when its archive cannot be had', async () => {
  const user = await server.asUser();
  const first = await sync(user.client, server.exports.serve(await exportOf(known)).url);
  const file = server.exports.serve(await exportOf([...known, ...news], { perShard: 300 }));
  const id = await cancelBehindKnown(user, async () => (await startSync(user.client, file.url)).id);
  const { counts } = await readTask(user.client, id);
  await changeTask(user.client, 'undoSync', first.id);
  await rm(server.services.workspace.archivePath(localId('SyncTask', id)), { force: true });
  file.replace(Buffer.from('<!doctype html><p>Sign in</p>'.repeat(50)));
  await changeTask(user.client, 'retrySync', id);
  expect(await untilOver(user.client, id)).toMatchObject({ status: 'FAILED', counts });
});

import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generateExport } from '../bench/generator/index.ts';
import { localId } from '../src/domain/global-id.ts';
import { dialogue } from './archive/builders.ts';
import { dumpRows, listFiles } from './support/account.ts';
import { grown, withFiles } from './support/conversations.ts';
import { exportOf, zipOf } from './support/exports.ts';
import { holdImportsAfter } from './support/gate.ts';
import { backends, startTestServer, type TestServer, type TestUser } from './support/server.ts';
import {
  changeTask,
  foundBy,
  problemsOf,
  startSync,
  statusQuery,
  statusSubscription,
  sync,
  type TaskAnswer,
  untilOver,
} from './support/syncs.ts';
import { until } from './support/until.ts';

/** An export in which the elements that `broken` names are no JSON. */
const zipWith = (ids: string[], broken: string[]) =>
  zipOf({
    'conversations.json': `[${ids
      .map((id) =>
        broken.includes(id) ? `{"conversation_id": "${id}", oops}` : JSON.stringify(dialogue(id)),
      )
      .join(',')}]`,
  });

const statusOf = async ({ client }: TestUser, taskId: string) =>
  (await client.request<{ syncStatus: TaskAnswer }>(statusQuery, { taskId })).syncStatus;

async function hits({ client }: TestUser, query: string): Promise<string[]> {
  const { search } = await client.request<{
    search: { edges: { node: { message: { text: string } } }[] };
  }>('query Hits($query: String!) { search(query: $query) { edges { node { message { text } } } } }', {
    query,
  });
  return search.edges.map((edge) => edge.node.message.text);
}

const rowCount = (server: TestServer, { viewer }: TestUser) =>
  server.services.prisma.conversation.count({ where: { userId: viewer.userId } });

describe.each(backends)('On %s', (backend) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ backend });
  });
  afterAll(() => server.close());

  /** The file that a retry reads: the server keeps an archive whose import was not complete. */
  const keptArchive = (taskId: string) => server.services.workspace.archivePath(localId('SyncTask', taskId));

  /** Cancels while the second batch is being written, whose transaction comes first. */
  async function cancelInSecondBatch(
    user: TestUser,
    start: () => Promise<TaskAnswer>,
  ): Promise<{ id: string; cancelled: TaskAnswer }> {
    const present = await server.services.prisma.conversation.count();
    const gate = await holdImportsAfter(server.databaseUrl, present + 1);
    try {
      const { id } = await start();
      await until('the second batch is being written', () => gate.isWaitedFor());
      const cancelling = changeTask(user.client, 'cancelSync', id);
      await until('the cancel waits for it', () => gate.isTaskWaitedFor());
      await gate.open();
      expect(await cancelling).toMatchObject({ status: 'CANCELLED' });
      return { id, cancelled: await untilOver(user.client, id) };
    } finally {
      await gate.open();
    }
  }

  describe('retrySync', () => {
    test('imports what failed once it can be read, and nothing else', async () => {
      const user = await server.asUser();
      const ids = ['r1', 'r2', 'r3', 'r4', 'r5'];
      const first = await sync(user.client, server.exports.serve(await zipWith(ids, ['r2', 'r4'])).url);
      expect(first).toMatchObject({ status: 'PARTIAL', counts: { added: 3, failed: 2 } });
      expect(await problemsOf(user.client, first.id)).toHaveLength(2);

      // Also another conversation than the failed ones differs now: that is not what a retry is about.
      const mended = await zipWith(ids, ['r4']);
      await writeFile(keptArchive(first.id), mended);
      await changeTask(user.client, 'retrySync', first.id);
      const second = await untilOver(user.client, first.id);
      expect(second).toMatchObject({
        status: 'PARTIAL',
        counts: { added: 4, updated: 0, unchanged: 0, failed: 1, messagesAdded: 8 },
        progress: { conversationsDone: 5, conversationsTotal: 5 },
      });
      expect(foundBy(second)).toBe(5);
      expect(await problemsOf(user.client, first.id)).toMatchObject([
        { outcome: 'FAILED', code: 'JSON_INVALID' },
      ]);

      await writeFile(keptArchive(first.id), await zipWith(ids, []));
      await changeTask(user.client, 'retrySync', first.id);
      const third = await untilOver(user.client, first.id);
      expect(third).toMatchObject({ status: 'COMPLETED', error: null, counts: { added: 5, failed: 0 } });
      expect(await problemsOf(user.client, first.id)).toEqual([]);
      expect(await hits(user, 'answer r2')).toEqual(['answer of r2']);
    });

    test('goes on where a shard broke off', async () => {
      const user = await server.asUser();
      const [whole, cut] = [[dialogue('s1')], [dialogue('s2'), dialogue('s3'), dialogue('s4')]];
      const texts = {
        'conversations-000.json': JSON.stringify(whole),
        'conversations-001.json': JSON.stringify(cut),
      };
      const broken = { ...texts, 'conversations-001.json': texts['conversations-001.json'].slice(0, -30) };
      const first = await sync(user.client, server.exports.serve(await zipOf(broken)).url);
      expect(first).toMatchObject({ status: 'PARTIAL', counts: { added: 3 } });
      expect(await problemsOf(user.client, first.id)).toHaveLength(1);

      await writeFile(keptArchive(first.id), await zipOf(texts));
      await changeTask(user.client, 'retrySync', first.id);
      const second = await untilOver(user.client, first.id);
      expect(second).toMatchObject({ status: 'COMPLETED', counts: { added: 4, unchanged: 0, failed: 0 } });
      expect(await problemsOf(user.client, first.id)).toEqual([]);
      const { json } = await user.client.rest('GET', '/sync/history');
      expect(json).toMatchObject({ history: [{ files_processed: 2 }] });
    });

    test('counts what still fails once', async () => {
      const user = await server.asUser();
      const first = await sync(user.client, server.exports.serve(await zipWith(['f1', 'f2'], ['f2'])).url);
      await changeTask(user.client, 'retrySync', first.id);
      const second = await untilOver(user.client, first.id);
      expect(second).toMatchObject({ status: 'PARTIAL', counts: { added: 1, failed: 1 } });
      expect(await problemsOf(user.client, first.id)).toHaveLength(1);
    });

    test('fetches again what could not be fetched', async () => {
      const user = await server.asUser();
      const file = server.exports.serve('<!doctype html><p>Sign in</p>'.repeat(50), { type: 'text/html' });
      const first = await sync(user.client, file.url);
      expect(first).toMatchObject({ status: 'FAILED', error: { code: 'NOT_A_ZIP' } });
      file.replace(await exportOf([dialogue('late')]));
      await changeTask(user.client, 'retrySync', first.id);
      expect(await untilOver(user.client, first.id)).toMatchObject({
        status: 'COMPLETED',
        error: null,
        counts: { added: 1 },
      });
    });

    test('of a cancelled task goes on from what is committed', async () => {
      const user = await server.asUser();
      const conversations = Array.from({ length: 900 }, (_, index) => dialogue(`c${index}`));
      const file = server.exports.serve(await exportOf(conversations, { perShard: 300 }));
      const { id, cancelled } = await cancelInSecondBatch(user, () => startSync(user.client, file.url));
      expect(cancelled.counts.added).toBeLessThan(900);
      expect(cancelled.counts.added).toBe(await rowCount(server, user));

      await changeTask(user.client, 'retrySync', id);
      const over = await untilOver(user.client, id);
      expect(over).toMatchObject({
        status: 'COMPLETED',
        counts: { added: 900, unchanged: 0, failed: 0, messagesAdded: 1_800 },
        progress: { fraction: 1, conversationsDone: 900, conversationsTotal: 900 },
      });
      expect(file.answers).toEqual([200]);
    });

    test('that was cancelled in its turn still knows what failed', async () => {
      const user = await server.asUser();
      const ids = Array.from({ length: 900 }, (_, index) => `k${index}`);
      const broken = ids.slice(1);
      const first = await sync(user.client, server.exports.serve(await zipWith(ids, broken)).url);
      expect(first).toMatchObject({ status: 'PARTIAL', counts: { added: 1, failed: 899 } });
      await writeFile(keptArchive(first.id), await zipWith(ids, []));
      const { cancelled } = await cancelInSecondBatch(user, () =>
        changeTask(user.client, 'retrySync', first.id),
      );
      const { added, failed } = cancelled.counts;
      expect(added).toBe(await rowCount(server, user));
      expect(added + failed).toBe(900);
      expect(failed).toBeGreaterThan(0);

      await changeTask(user.client, 'retrySync', first.id);
      const over = await untilOver(user.client, first.id);
      expect(over).toMatchObject({ status: 'COMPLETED', counts: { added: 900, unchanged: 0, failed: 0 } });
      expect(await problemsOf(user.client, first.id)).toEqual([]);
    });

    test('has nothing to do for a task that brought everything, and waits for nobody', async () => {
      const user = await server.asUser();
      const done = await sync(user.client, server.exports.serve(await zipWith(['n1'], [])).url);
      expect(await changeTask(user.client, 'retrySync', done.id)).toMatchObject({
        __typename: 'InvalidInput',
      });

      const partial = await sync(user.client, server.exports.serve(await zipWith(['n2', 'n3'], ['n3'])).url);
      const held = server.exports.serve(await zipWith(['n4'], []), { held: true });
      const running = await startSync(user.client, held.url);
      for (const taskId of [partial.id, running.id]) {
        expect(await changeTask(user.client, 'retrySync', taskId)).toMatchObject({
          __typename: 'Conflict',
          task: { id: running.id },
        });
      }
      const other = await server.asUser();
      expect(await changeTask(other.client, 'retrySync', partial.id)).toMatchObject({
        __typename: 'NotFound',
      });
      held.release();
      await untilOver(user.client, running.id);
    });
  });

  describe('undoSync', () => {
    const png = Buffer.from('89504e470d0a1a0a0000000d4948445200000001', 'hex');
    const cat = { id: 'file-Cat1', name: 'cat.png', mimeType: 'image/png', sizeBytes: png.length };

    test('by a stranger touches neither rows nor the archive that a retry needs', async () => {
      const user = await server.asUser();
      const partial = await sync(user.client, server.exports.serve(await zipWith(['s1', 's2'], ['s2'])).url);
      const archive = server.services.workspace.archivePath(localId('SyncTask', partial.id));
      await access(archive);
      const other = await server.asUser();
      expect(await changeTask(other.client, 'undoSync', partial.id)).toMatchObject({
        __typename: 'NotFound',
      });
      await access(archive);
    });

    test('takes back what an export added and changed, and nothing else', async () => {
      const user = await server.asUser();
      const first = await zipOf({
        'conversations.json': JSON.stringify([
          dialogue('stays'),
          dialogue('grows'),
          withFiles('files', { ...cat, id: 'file-Old' }, { id: 'file-Late' }),
        ]),
        'file-Old-cat.png': png,
      });
      await sync(user.client, server.exports.serve(first).url);
      const before = await dumpRows(server.services, user.viewer.userId);

      const second = await zipOf({
        'conversations.json': JSON.stringify([
          dialogue('stays'),
          grown('grows'),
          withFiles('files', { ...cat, id: 'file-Old' }, { id: 'file-Late' }),
          // Known files in a conversation whose id sorts before the one that brought them.
          withFiles(
            'aaa',
            { ...cat, id: 'file-Old' },
            { id: 'file-Late', name: 'named.txt', mimeType: 'text/plain' },
          ),
          withFiles('fresh', cat),
        ]),
        'file-Old-cat.png': png,
        'file-Cat1-cat.png': Buffer.concat([png, png]),
        'file-Late-late.txt': 'it was here all along',
      });
      const file = server.exports.serve(second);
      const task = await sync(user.client, file.url);
      expect(task).toMatchObject({ status: 'COMPLETED', counts: { added: 2, updated: 1, assetsAdded: 2 } });
      expect(await listFiles(server.services, user.viewer.userId)).toHaveLength(3);
      expect(await hits(user, 'afterthought')).toHaveLength(1);

      const undone = await changeTask(user.client, 'undoSync', task.id);
      expect(undone).toMatchObject({ status: 'UNDONE', phase: 'DONE', counts: { added: 2, updated: 1 } });
      expect(await dumpRows(server.services, user.viewer.userId)).toEqual(before);
      expect(await hits(user, 'afterthought')).toEqual([]);
      expect(await hits(user, 'question grows')).toEqual(['question of grows']);

      const again = await sync(user.client, file.url);
      expect(again).toMatchObject({ status: 'COMPLETED', counts: { added: 2, updated: 1, assetsAdded: 2 } });
    });

    test('of the first of two exports keeps what the second one brought', async () => {
      const user = await server.asUser();
      const first = await sync(
        user.client,
        server.exports.serve(await exportOf([dialogue('one'), dialogue('two')])).url,
      );
      await sync(user.client, server.exports.serve(await exportOf([grown('one'), dialogue('three')])).url);
      await changeTask(user.client, 'undoSync', first.id);

      const fresh = await server.asUser();
      await sync(fresh.client, server.exports.serve(await exportOf([grown('one'), dialogue('three')])).url);
      const titles = async ({ viewer }: TestUser) =>
        server.services.prisma.conversation.findMany({
          where: { userId: viewer.userId },
          orderBy: { externalId: 'asc' },
          select: { externalId: true, title: true, messageCount: true },
        });
      expect(await titles(user)).toEqual(await titles(fresh));
    });

    test('a second time changes nothing', async () => {
      const user = await server.asUser();
      const task = await sync(user.client, server.exports.serve(await exportOf([dialogue('twice')])).url);
      await changeTask(user.client, 'undoSync', task.id);
      expect(await changeTask(user.client, 'undoSync', task.id)).toMatchObject({ status: 'UNDONE' });
      expect(await changeTask(user.client, 'retrySync', task.id)).toMatchObject({
        __typename: 'InvalidInput',
      });
      expect(await rowCount(server, user)).toBe(0);
    });

    test('is refused while a sync runs, and to strangers', async () => {
      const user = await server.asUser();
      const task = await sync(user.client, server.exports.serve(await exportOf([dialogue('mine')])).url);
      const held = server.exports.serve(await exportOf([dialogue('other')]), { held: true });
      const running = await startSync(user.client, held.url);
      for (const taskId of [task.id, running.id]) {
        expect(await changeTask(user.client, 'undoSync', taskId)).toMatchObject({
          __typename: 'Conflict',
          task: { id: running.id },
        });
      }
      held.release();
      await untilOver(user.client, running.id);
      const stranger = await server.asUser();
      expect(await changeTask(stranger.client, 'undoSync', task.id)).toMatchObject({
        __typename: 'NotFound',
      });
      expect(await rowCount(server, user)).toBe(2);
    });
  });

  describe('cancelSync', () => {
    let folder: string;
    let large: Buffer;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'sidecar-cancel-'));
      const path = join(folder, 'large.zip');
      await generateExport({ path, targetBytes: 40_000_000, seed: 3 });
      large = await readFile(path);
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    test('stops a running import, keeps what is committed and counts it right', async () => {
      const user = await server.asUser();
      const { id } = await startSync(user.client, server.exports.serve(large).url);
      const events = user.client.subscribe<{ syncStatus: TaskAnswer }>('sse', statusSubscription, {
        taskId: id,
      });
      let last: TaskAnswer | null = null;
      let asked = false;
      for await (const { syncStatus } of events) {
        last = syncStatus;
        if (asked || syncStatus.counts.added === 0) continue;
        asked = true;
        expect(await changeTask(user.client, 'cancelSync', id)).toMatchObject({ status: 'CANCELLED' });
      }
      expect(last).toMatchObject({ status: 'CANCELLED', phase: 'DONE', error: null });
      await until('its worker has stopped', () => server.logged().includes('the task was cancelled'));
      const committed = await rowCount(server, user);
      expect(await statusOf(user, id)).toMatchObject({
        status: 'CANCELLED',
        counts: { added: committed, updated: 0, unchanged: 0, skipped: 0, failed: 0 },
        progress: { conversationsDone: committed },
      });
      expect(committed).toBeGreaterThan(0);
      const waiting = { userId: user.viewer.userId, searchPending: true };
      await until('what was kept can be found', async () => {
        return (await server.services.prisma.conversation.count({ where: waiting })) === 0;
      });
    });

    test('of a task that is over leaves it as it ended', async () => {
      const user = await server.asUser();
      const done = await sync(user.client, server.exports.serve(await exportOf([dialogue('over')])).url);
      expect(await changeTask(user.client, 'cancelSync', done.id)).toMatchObject({
        status: 'COMPLETED',
        seq: done.seq,
      });
      const stranger = await server.asUser();
      expect(await changeTask(stranger.client, 'cancelSync', done.id)).toMatchObject({
        __typename: 'NotFound',
      });
    });
  });
});

describe.each(backends)('Without a worker on %s', (backend) => {
  test('a task that waits is cancelled before it begins', async () => {
    const server = await startTestServer({ backend, worker: false });
    try {
      const user = await server.asUser();
      const file = server.exports.serve(await exportOf([dialogue('waits')]));
      const { id } = await startSync(user.client, file.url);
      expect(await changeTask(user.client, 'cancelSync', id)).toMatchObject({ status: 'CANCELLED' });
      expect(await untilOver(user.client, id)).toMatchObject({ status: 'CANCELLED', startedAt: null });
      const next = await startSync(user.client, file.url);
      await server.startWorker();
      expect(await untilOver(user.client, next.id)).toMatchObject({ status: 'COMPLETED' });
      expect(file.answers).toEqual([200]);
      expect(await statusOf(user, id)).toMatchObject({ status: 'CANCELLED', attempt: 0 });
    } finally {
      await server.close();
    }
  });
});

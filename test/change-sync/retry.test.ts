import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { localId } from '../../src/domain/global-id.ts';
import { dialogue } from '../archive/builders.ts';
import { exportOf, zipOf } from '../support/exports.ts';
import { holdImportsAfter } from '../support/gate.ts';
import { lockTable } from '../support/locks.ts';
import { backends, startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import {
  changeTask,
  foundBy,
  problemsOf,
  readTask,
  startSync,
  sync,
  type TaskAnswer,
  untilOver,
} from '../support/syncs.ts';
import { until } from '../support/until.ts';
import { hits, rowCount, zipWith } from './rows.ts';

/**
 * Several batches: the lock of a task's row is not handed out in turn, so that one or two more may pass before a cancel has it.
 */
const SEVERAL_BATCHES = 2_000;

/** What a retry says that read another archive than the one in which something failed. */
const changedArchive = { outcome: 'WARNING', code: 'ARCHIVE_CHANGED' };

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
    test('goes on with one that was stopped when it had repaired everything', async () => {
      const user = await server.asUser();
      const { id } = await sync(user.client, server.exports.serve(await zipWith(['a', 'b'], ['b'])).url);
      await writeFile(keptArchive(id), await zipWith(['a', 'b'], []));
      const lock = await lockTable(server.databaseUrl, 'message_search');
      await changeTask(user.client, 'retrySync', id);
      await until('it is repaired', async () => (await readTask(user.client, id)).counts.added === 2);
      expect(await changeTask(user.client, 'cancelSync', id)).toMatchObject({ status: 'CANCELLED' });
      await lock.release();
      await changeTask(user.client, 'retrySync', id);
      expect(await untilOver(user.client, id)).toMatchObject({
        status: 'COMPLETED',
        counts: { added: 2, failed: 0 },
      });
    });

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
      expect(await problemsOf(user.client, first.id)).toMatchObject(
        expect.arrayContaining([
          expect.objectContaining({ outcome: 'FAILED', code: 'JSON_INVALID' }),
          expect.objectContaining(changedArchive),
        ]),
      );

      await writeFile(keptArchive(first.id), await zipWith(ids, []));
      await changeTask(user.client, 'retrySync', first.id);
      const third = await untilOver(user.client, first.id);
      expect(third).toMatchObject({ status: 'COMPLETED', error: null, counts: { added: 5, failed: 0 } });
      expect(await problemsOf(user.client, first.id)).toMatchObject([changedArchive]);
      expect(await hits(user, 'answer r2')).toEqual(['answer of r2']);
    });

    test('from another archive does not pass for a whole import of that', async () => {
      const user = await server.asUser();
      const first = await sync(user.client, server.exports.serve(await zipWith(['w1', 'w2'], ['w2'])).url);
      const newer = await zipWith(['w1', 'w2', 'w3'], []);
      await writeFile(keptArchive(first.id), newer);
      await changeTask(user.client, 'retrySync', first.id);
      const retried = await untilOver(user.client, first.id);
      expect(retried).toMatchObject({ status: 'COMPLETED', counts: { added: 2, failed: 0 } });
      const whole = await sync(user.client, server.exports.serve(newer).url);
      expect(whole).toMatchObject({ status: 'COMPLETED', counts: { added: 1, unchanged: 2 } });
    });

    test('fetches an archive again that came with a broken shard', async () => {
      const user = await server.asUser();
      const good = await exportOf([dialogue('z1'), dialogue('z2')], { perShard: 1 });
      const bad = Buffer.from(good);
      // A byte of the last shard's content: its checksum does not fit any more.
      const at =
        bad.lastIndexOf('conversations-001.json', bad.lastIndexOf('conversations-001.json') - 1) + 40;
      bad[at] = (bad[at] ?? 0) ^ 0xff;
      const file = server.exports.serve(bad);
      const first = await sync(user.client, file.url);
      expect(first).toMatchObject({ status: 'PARTIAL', counts: { added: 1 } });
      file.replace(good);
      await changeTask(user.client, 'retrySync', first.id);
      expect(await untilOver(user.client, first.id)).toMatchObject({
        status: 'COMPLETED',
        counts: { added: 2, failed: 0 },
      });
    });

    test('of a cancelled task reads another archive from its beginning', async () => {
      const user = await server.asUser();
      const all = Array.from({ length: 902 }, (_, index) => dialogue(`o${index}`));
      const file = server.exports.serve(await exportOf(all.slice(2), { perShard: 300 }));
      const { id } = await cancelInSecondBatch(user, () => startSync(user.client, file.url));
      await writeFile(keptArchive(id), await exportOf(all, { perShard: 300 }));
      await changeTask(user.client, 'retrySync', id);
      const over = await untilOver(user.client, id);
      expect(over).toMatchObject({ status: 'COMPLETED', progress: { conversationsDone: 902 } });
      expect(foundBy(over)).toBe(902);
      expect(await rowCount(server, user)).toBe(902);
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
      expect(await problemsOf(user.client, first.id)).toMatchObject([changedArchive]);
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
      const conversations = Array.from({ length: SEVERAL_BATCHES }, (_, index) => dialogue(`c${index}`));
      const file = server.exports.serve(await exportOf(conversations, { perShard: 300 }));
      const { id, cancelled } = await cancelInSecondBatch(user, () => startSync(user.client, file.url));
      expect(cancelled.counts.added).toBeLessThan(SEVERAL_BATCHES);
      expect(cancelled.counts.added).toBe(await rowCount(server, user));

      await changeTask(user.client, 'retrySync', id);
      const over = await untilOver(user.client, id);
      expect(over).toMatchObject({
        status: 'COMPLETED',
        counts: { added: SEVERAL_BATCHES, unchanged: 0, failed: 0, messagesAdded: 2 * SEVERAL_BATCHES },
        progress: { fraction: 1, conversationsDone: SEVERAL_BATCHES, conversationsTotal: SEVERAL_BATCHES },
      });
      expect(file.answers).toEqual([200]);
    });

    test('that was cancelled in its turn still knows what failed', async () => {
      const user = await server.asUser();
      const ids = Array.from({ length: SEVERAL_BATCHES }, (_, index) => `k${index}`);
      const broken = ids.slice(1);
      const first = await sync(user.client, server.exports.serve(await zipWith(ids, broken)).url);
      expect(first).toMatchObject({ status: 'PARTIAL', counts: { added: 1, failed: SEVERAL_BATCHES - 1 } });
      await writeFile(keptArchive(first.id), await zipWith(ids, []));
      const { cancelled } = await cancelInSecondBatch(user, () =>
        changeTask(user.client, 'retrySync', first.id),
      );
      const { added, failed } = cancelled.counts;
      expect(added).toBe(await rowCount(server, user));
      expect(added + failed).toBe(SEVERAL_BATCHES);
      expect(failed).toBeGreaterThan(0);

      await changeTask(user.client, 'retrySync', first.id);
      const over = await untilOver(user.client, first.id);
      expect(over).toMatchObject({
        status: 'COMPLETED',
        counts: { added: SEVERAL_BATCHES, unchanged: 0, failed: 0 },
      });
      expect(await problemsOf(user.client, first.id)).toMatchObject([changedArchive]);
    });

    test('of a broken shard that was cancelled goes on behind what it has read', async () => {
      const user = await server.asUser();
      const all = Array.from({ length: SEVERAL_BATCHES }, (_, index) => dialogue(`b${index}`));
      const text = JSON.stringify(all);
      const broken = await zipOf({ 'conversations.json': text.slice(0, 20_000) });
      const { id } = await sync(user.client, server.exports.serve(broken).url);
      await writeFile(keptArchive(id), await zipOf({ 'conversations.json': text }));
      const { cancelled } = await cancelInSecondBatch(user, () => changeTask(user.client, 'retrySync', id));
      expect(foundBy(cancelled)).toBe(await rowCount(server, user));
      expect(foundBy(cancelled)).toBeLessThan(SEVERAL_BATCHES);

      await changeTask(user.client, 'retrySync', id);
      expect(await untilOver(user.client, id)).toMatchObject({
        status: 'COMPLETED',
        counts: { added: SEVERAL_BATCHES, updated: 0, unchanged: 0, skipped: 0, failed: 0 },
        progress: { conversationsDone: SEVERAL_BATCHES, conversationsTotal: SEVERAL_BATCHES },
      });
      expect(await problemsOf(user.client, id)).toMatchObject([changedArchive]);
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
});

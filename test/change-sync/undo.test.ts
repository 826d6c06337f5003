import { access } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { localId } from '../../src/domain/global-id.ts';
import { dialogue } from '../archive/builders.ts';
import { dumpRows, listFiles } from '../support/account.ts';
import { grown, withFiles } from '../support/conversations.ts';
import { exportOf, zipOf } from '../support/exports.ts';
import { backends, startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { changeTask, startSync, sync, untilOver } from '../support/syncs.ts';
import { hits, rowCount, zipWith } from './rows.ts';

describe.each(backends)('On %s', (backend) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ backend });
  });
  afterAll(() => server.close());

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

    test('of a message and then of its file, which came later, leaves no file behind', async () => {
      const user = await server.asUser();
      const message = withFiles('lonely', { id: 'file-Late' });
      const first = await sync(user.client, server.exports.serve(await exportOf([message])).url);
      const later = await zipOf({
        'conversations.json': JSON.stringify([dialogue('other')]),
        'file-Late-late.txt': 'late',
      });
      const second = await sync(user.client, server.exports.serve(later).url);
      expect(second).toMatchObject({ counts: { assetsAdded: 1 } });
      await changeTask(user.client, 'undoSync', first.id);
      await changeTask(user.client, 'undoSync', second.id);
      expect(await listFiles(server.services, user.viewer.userId)).toEqual([]);
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
});

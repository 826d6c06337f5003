import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generateExport } from '../../bench/generator/index.ts';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import { backends, startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import {
  changeTask,
  startSync,
  statusQuery,
  statusSubscription,
  sync,
  type TaskAnswer,
  untilOver,
} from '../support/syncs.ts';
import { until } from '../support/until.ts';
import { rowCount } from './rows.ts';

const statusOf = async ({ client }: TestUser, taskId: string) =>
  (await client.request<{ syncStatus: TaskAnswer }>(statusQuery, { taskId })).syncStatus;

let folder: string;
let large: Buffer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sidecar-cancel-'));
  const path = join(folder, 'large.zip');
  await generateExport({ path, targetBytes: 40_000_000, seed: 3 });
  large = await readFile(path);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(backends)('On %s', (backend) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ backend });
  });
  afterAll(() => server.close());

  describe('cancelSync', () => {
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

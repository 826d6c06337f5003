import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { localId } from '../../src/domain/global-id.ts';
import { dataDirOf, listBelow } from '../support/account.ts';
import { askBackground, followBackground, readBackground } from '../support/background.ts';
import { startBucket, type TestBucket } from '../support/bucket.ts';
import { withFiles } from '../support/conversations.ts';
import { zipOf } from '../support/exports.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { startSync, sync } from '../support/syncs.ts';
import { until } from '../support/until.ts';

let bucket: TestBucket;
let server: TestServer;
beforeAll(async () => {
  bucket = await startBucket();
  server = await startTestServer({ backend: 'postgres', env: bucket.env });
});
afterAll(async () => {
  await server.close();
  await bucket.close();
});
afterEach(() => vi.useRealTimers());

const PICTURE_BYTES = 2 * 1024 * 1024;

const exportWithPicture = async () =>
  server.exports.serve(
    await zipOf({
      'conversations.json': JSON.stringify([withFiles('files', { id: 'file-A', name: 'a.png' })]),
      'file-A.png': Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), randomBytes(PICTURE_BYTES)]),
    }),
  ).url;

const letGo = (id: string) =>
  until('the worker let go', async () => !(await server.services.queue.isAlive(id)));

test('a file that is on its way when its task is cancelled is not left in the bucket', async () => {
  const user = await server.asUser();
  const held = bucket.hold('PUT');
  try {
    const { id } = await askBackground(user.client, 'exportMyData');
    await until('the zip is on its way', () => held.waiting() === 1);
    await askBackground(user.client, 'cancelBackgroundTask(id: $id)', { id }, '($id: ID!)');
    held.release();
    await letGo(`background-${localId('BackgroundTask', id)}`);
    expect(await readBackground(user.client, id)).toMatchObject({ status: 'CANCELLED' });
    expect(await bucket.objectsOf(user.viewer.userId)).toEqual([]);
  } finally {
    held.release();
  }
});

test('files that are on their way when the owner deletes the account are not left in the bucket', async () => {
  const { client, viewer } = server;
  const held = bucket.hold('PUT');
  try {
    const { id: exportId } = await askBackground(client, 'exportMyData');
    const { id: syncId } = await startSync(client, await exportWithPicture());
    await until('a zip and an attachment are on their way', () => held.waiting() === 2);
    await client.request(
      'mutation { deleteAccount(confirm: "delete my account") { ... on AccountDeletion { deletedAt } } }',
    );
    held.release();
    await letGo(`background-${localId('BackgroundTask', exportId)}`);
    await letGo(`sync-${localId('SyncTask', syncId)}`);
    expect(await server.services.prisma.user.count({ where: { id: viewer.userId } })).toBe(1);
    expect(await bucket.objectsOf(viewer.userId)).toEqual([]);
  } finally {
    held.release();
  }
}, 60_000);

test('an attachment that takes long is no standstill as long as something of it comes', async () => {
  const user = await server.asUser();
  expect(await sync(user.client, await exportWithPicture())).toMatchObject({ status: 'COMPLETED' });
  const { services } = server;
  const held = bucket.hold('GET');
  const later = () => vi.setSystemTime(Date.now() + 4 * 60_000);
  const spooled = async (bytes: number) => {
    const folder = join(dataDirOf(services), 'spool');
    const sizes = (await listBelow(folder)).map(async (name) => (await stat(join(folder, name))).size);
    return (await Promise.all(sizes)).some((size) => size >= bytes);
  };
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    const { id } = await askBackground(user.client, 'exportMyData');
    await until('the attachment is asked for', () => held.waiting() === 1);
    const where = { userId_id: { userId: user.viewer.userId, id: localId('BackgroundTask', id) } };
    // The first part tells that the attachment is there, which is progress; the others are but bytes.
    for (const part of [1, 2, 3]) {
      later();
      held.letThrough((part * PICTURE_BYTES) / 4);
      await until('a part came', () => spooled((part * PICTURE_BYTES) / 5));
      // The watchdog, which looks whether anything moved, renews it.
      const heartbeatAt = new Date(0);
      await services.prisma.backgroundTask.update({ where, data: { heartbeatAt } });
      await until('the watchdog has looked', async () => {
        const task = await services.prisma.backgroundTask.findUnique({ where });
        return task?.heartbeatAt?.getTime() !== heartbeatAt.getTime();
      });
    }
    held.release();
    const last = (await followBackground(user.client, id)).at(-1);
    expect(last).toMatchObject({ status: 'COMPLETED', attempt: 1 });
  } finally {
    held.release();
  }
});

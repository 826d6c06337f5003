import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { describe, expect, test } from 'vitest';
import { encodeId } from '../../src/domain/global-id.ts';
import type { Services } from '../../src/domain/services.ts';
import { enqueueTask } from '../../src/domain/sync/task.ts';
import { importUploadedFile, uploadArchive } from '../../src/domain/sync/upload.ts';
import type { SyncTask } from '../../src/generated/prisma/client.ts';
import { exportOf } from '../support/exports.ts';
import type { TestUser } from '../support/server.ts';
import { conversations, expectImported, setStage } from './stage.ts';

const stage = setStage();

type Send = (services: Services, user: TestUser, zip: Buffer) => Promise<SyncTask>;

const sends: [string, Send][] = [
  [
    'as a body',
    (services, { viewer }, zip) =>
      uploadArchive(services, viewer, {
        fileName: 'body.zip',
        content: (async function* () {
          yield zip;
        })(),
      }),
  ],
  [
    'in pieces',
    async (services, { viewer }, zip) => {
      const path = join(services.workspace.uploadsPath, `${viewer.userId}_${uuidv7()}`);
      await writeFile(path, zip);
      return importUploadedFile(services, viewer, { fileName: 'pieces.zip', path });
    },
  ],
];

const lost = () => new Error('Connection terminated unexpectedly');

/** The database up to the commit of a task; the answer of the commit may be lost as well, and nothing come after it. */
function breakingOff({ isAnswered, isBack }: { isAnswered: boolean; isBack: boolean }): Services {
  const { services } = stage.server;
  const { database, prisma } = services;
  let isGone = false;
  const syncTask = new Proxy(prisma.syncTask, {
    get: (target, key) => (isGone ? () => Promise.reject(lost()) : Reflect.get(target, key)),
  });
  return {
    ...services,
    prisma: new Proxy(prisma, {
      get: (target, key) => (key === 'syncTask' ? syncTask : Reflect.get(target, key)),
    }),
    database: {
      ...database,
      query: (...asked) => (isGone && !isBack ? Promise.reject(lost()) : database.query(...asked)),
      async transaction(work) {
        const answer = await database.transaction(work);
        isGone = true;
        if (!isAnswered) throw lost();
        return answer;
      },
    },
  };
}

/** That the task is there and finds its archive. Brings its job to the queue, as the reconciler does in time. */
async function expectWhole(user: TestUser): Promise<void> {
  const { userId } = user.viewer;
  const { id } = await stage.server.services.prisma.syncTask.findFirstOrThrow({ where: { userId } });
  await enqueueTask(stage.server.services, userId, id);
  await expectImported(stage, user, encodeId('SyncTask', id));
}

describe.each(sends)('An upload %s whose task is committed', (_, send) => {
  test('answers the task, whatever fails behind it', async () => {
    const user = await stage.server.asUser();
    const services = breakingOff({ isAnswered: true, isBack: false });
    expect(await send(services, user, await exportOf(conversations))).toMatchObject({ status: 'QUEUED' });
    await expectWhole(user);
  });

  test('is found though the answer of the commit was lost', async () => {
    const user = await stage.server.asUser();
    const services = breakingOff({ isAnswered: false, isBack: true });
    expect(await send(services, user, await exportOf(conversations))).toMatchObject({ status: 'QUEUED' });
    await expectWhole(user);
  });

  test('keeps its archive while nobody can say whether it is there', async () => {
    const user = await stage.server.asUser();
    const services = breakingOff({ isAnswered: false, isBack: false });
    await expect(send(services, user, await exportOf(conversations))).rejects.toThrow('terminated');
    await expectWhole(user);
  });
});

import { appendFile, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import { backends, startTestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

test.concurrent.for(backends)(
  'On %s each export in the watched folder is imported once, by whichever worker, and again only when it changed',
  { timeout: 60_000 },
  async (backend, { onTestFinished }) => {
    const [directory, outside] = await Promise.all(
      ['watched', 'outside'].map((name) => mkdtemp(join(tmpdir(), `sidecar-${name}-`))),
    );
    if (!directory || !outside) throw new Error('Two folders were made');
    onTestFinished(async () => {
      for (const path of [directory, outside]) await rm(path, { recursive: true, force: true });
    });
    await writeFile(join(directory, 'there-before.zip'), await exportOf([dialogue('before')]));
    await writeFile(join(outside, 'outside.zip'), await exportOf([dialogue('outside')]));
    await symlink(join(outside, 'outside.zip'), join(directory, 'link.zip'));
    const server = await startTestServer({ backend, env: { WATCH_DIR: directory } });
    onTestFinished(() => server.close());
    // Three workers share the folder.
    for (let workers = 1; workers < 3; workers++) await server.startWorker();

    const tasks = () =>
      server.services.prisma.syncTask.findMany({
        where: { userId: server.viewer.userId },
        orderBy: { createdAt: 'asc' },
      });
    const over = (source: string, count = 1) =>
      until(`${count} imports of ${source} are over`, async () => {
        const found = (await tasks()).filter((task) => task.source === source && task.finishedAt !== null);
        return found.length === count ? found : null;
      });

    expect(await over('there-before.zip')).toMatchObject([
      { status: 'COMPLETED', added: 1, trigger: 'UPLOAD' },
    ]);

    const zip = await exportOf([dialogue('slow')]);
    await writeFile(join(directory, 'slow.zip'), zip.subarray(0, 100));
    const folder = join(outside, 'folder');
    await mkdir(folder);
    await writeFile(join(folder, 'conversations.json'), JSON.stringify([dialogue('in-a-folder')]));
    await rename(folder, join(directory, 'folder'));
    await appendFile(join(directory, 'slow.zip'), zip.subarray(100));
    expect(await over('slow.zip')).toMatchObject([{ status: 'COMPLETED', added: 1 }]);
    expect(await over('folder')).toMatchObject([{ status: 'COMPLETED', added: 1 }]);

    await writeFile(join(directory, 'bad.zip'), 'no zip at all');
    await writeFile(join(directory, 'notes.txt'), 'no export');
    expect(await over('bad.zip')).toMatchObject([{ status: 'FAILED', errorMessage: expect.any(String) }]);

    // Another worker finds all of it, as after a restart; what comes then shows that it has looked.
    await server.startWorker();
    await writeFile(join(directory, 'bad.zip'), await exportOf([dialogue('mended')]));
    expect(await over('bad.zip', 2)).toMatchObject([{ status: 'FAILED' }, { status: 'COMPLETED', added: 1 }]);
    expect((await tasks()).map(({ source }) => source).toSorted()).toEqual(
      ['bad.zip', 'bad.zip', 'folder', 'slow.zip', 'there-before.zip'].toSorted(),
    );
  },
);

test('A folder in the watched folder is imported as it would be by its path', { timeout: 60_000 }, async ({
  onTestFinished,
}) => {
  const directory = await mkdtemp(join(tmpdir(), 'sidecar-watched-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const write = async (folder: string, name: string, bytes: Buffer | string) => {
    await mkdir(join(directory, folder), { recursive: true });
    // Linux keeps names as bytes; other systems refuse such as are not UTF-8.
    await writeFile(Buffer.from(join(directory, folder, name), 'latin1'), bytes);
  };
  await write('odd', 'conversations.json', JSON.stringify([dialogue('odd')]));
  const portal = 'portal/User Online Activity';
  await write(portal, 'Conversations__abc-chatgpt-0001.zip', await exportOf([dialogue('portal')]));
  await write('upper', 'Conversations.json', JSON.stringify([dialogue('upper')]));
  if (process.platform === 'linux') await write('odd', 'caf\xe9.png', 'png');
  const server = await startTestServer({ backend: 'postgres', env: { WATCH_DIR: directory } });
  onTestFinished(() => server.close());
  const where = { userId: server.viewer.userId, finishedAt: { not: null } };
  const tasks = await until('all are imported', async () => {
    const found = await server.services.prisma.syncTask.findMany({ where, orderBy: { source: 'asc' } });
    return found.length === 3 ? found : null;
  });
  expect(tasks.map(({ source, added }) => [source, added])).toEqual([
    ['odd', 1],
    ['portal', 1],
    ['upper', 1],
  ]);
});

test('A watched folder may be a link, and may come later', { timeout: 60_000 }, async ({
  onTestFinished,
}) => {
  const outside = await mkdtemp(join(tmpdir(), 'sidecar-watched-'));
  onTestFinished(() => rm(outside, { recursive: true, force: true }));
  const [disk, link, later] = ['disk', 'link', 'later'].map((name) => join(outside, name)) as [
    string,
    string,
    string,
  ];
  await mkdir(disk);
  await symlink(disk, link);
  for (const [watched, name] of [
    [link, 'linked'],
    [later, 'late'],
  ] as const) {
    const server = await startTestServer({ backend: 'postgres', env: { WATCH_DIR: watched } });
    onTestFinished(() => server.close());
    await mkdir(watched, { recursive: true });
    await writeFile(join(watched, `${name}.zip`), await exportOf([dialogue(name)]));
    const task = await until(`${name} is imported`, () =>
      server.services.prisma.syncTask.findFirst({
        where: { userId: server.viewer.userId, source: `${name}.zip`, finishedAt: { not: null } },
      }),
    );
    expect(task).toMatchObject({ status: 'COMPLETED', added: 1 });
  }
});

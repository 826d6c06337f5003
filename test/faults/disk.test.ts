import { lstat, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { localId } from '../../src/domain/global-id.ts';
import { openWorkspace } from '../../src/infra/workspace.ts';
import { statuses } from '../../src/rest/errors.ts';
import { inWords } from '../../worker/guard.ts';
import { dialogue } from '../archive/builders.ts';
import { archive, failureOf, folder, open, serve, setStage } from '../downloads/stage.ts';
import { exportOf } from '../support/exports.ts';
import { lockTable } from '../support/locks.ts';
import { startTestServer } from '../support/server.ts';
import { startSync, untilOver } from '../support/syncs.ts';
import { until } from '../support/until.ts';
import { untilNoArchive } from './stage.ts';

/** Everything written to this device fails as on a full disk. */
const FULL_DISK = '/dev/full';

setStage();

test('C11: a full disk or a folder that cannot be written ends the download as NO_SPACE and leaves no file', async () => {
  const server = await serve((_request, response) => response.end(archive));
  await symlink(FULL_DISK, join(folder, 'archive.zip.part'));
  expect(await failureOf(server.url)).toMatchObject({ code: 'NO_SPACE', retryable: true });
  expect(server.requests).toHaveLength(1);

  const missing = open().fetch(server.url, join(folder, 'missing', 'archive.zip'), {
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
  await expect(missing).rejects.toMatchObject({ code: 'NO_SPACE', retryable: true });
});

test('C11: an upload that the disk has no room for is told so, and leaves no file', async ({
  onTestFinished,
}) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'sidecar-full-'));
  onTestFinished(() => rm(dataDir, { recursive: true }));
  const workspace = await openWorkspace(dataDir, archive.length);
  const path = `${workspace.archivePath('sent')}.upload`;
  await symlink(FULL_DISK, path);
  const saving = workspace.saveArchive('sent', Readable.from([archive]));
  await expect(saving).rejects.toMatchObject({
    code: 'NO_SPACE',
    message: expect.stringContaining('make room'),
  });
  expect(statuses.NO_SPACE).toBe(507);
  await expect(lstat(path)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('C11: a full disk is told, leaves nothing behind, and is waited out', async () => {
  const server = await startTestServer({ backend: 'postgres' });
  const lock = await lockTable(server.databaseUrl, 'known_sources');
  const file = server.exports.serve(await exportOf([dialogue('full')]));
  const { id } = await startSync(server.client, file.url);
  await until('it is about to download', () => lock.isWaitedFor());
  // The attempt after it finds an ordinary disk.
  await symlink(FULL_DISK, `${server.services.workspace.archivePath(localId('SyncTask', id))}.part`);
  await lock.release();
  const over = await untilOver(server.client, id);
  expect(over).toMatchObject({ status: 'COMPLETED', attempt: 2, counts: { added: 1 } });
  expect(server.logged()).toContain('NO_SPACE');
  await untilNoArchive(server);
  await server.close();
});

test('A file that cannot be read is named, with what to do', async () => {
  // Not even root may read the memory at address 0.
  const error = await readFile('/proc/self/mem').catch((reason) => reason);
  const told = inWords(Object.assign(error, { path: '/srv/exports/chatgpt.zip' }));
  expect(told).toMatchObject({
    code: 'FILE_UNREADABLE',
    message: expect.stringMatching(/chatgpt\.zip.*the right to/),
  });
  expect(told).not.toMatchObject({ message: expect.stringContaining('/srv') });
});

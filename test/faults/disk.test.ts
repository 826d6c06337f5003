import { randomBytes } from 'node:crypto';
import { lstat, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
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
import { dataDirOf } from '../support/account.ts';
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

test('C11: a resumable upload that the disk has no room for is told so, and goes on once there is room', async () => {
  const server = await startTestServer({ backend: 'postgres', worker: false });
  // More than what lies in sockets and buffers when the disk refuses: an answer must come all the same.
  const zip = randomBytes(8_000_000);
  const send = (method: string, path: string, headers: Record<string, string>, body?: Buffer<ArrayBuffer>) =>
    fetch(new URL(path, server.url), {
      method,
      headers: { 'x-api-key': server.apiKey, 'tus-resumable': '1.0.0', ...headers },
      body: body ?? null,
    });
  const patch = (path: string, offset: number) =>
    send(
      'PATCH',
      path,
      { 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream' },
      zip.subarray(offset),
    );
  const created = await send('POST', '/sync/upload/resumable', { 'upload-length': String(zip.length) });
  const location = created.headers.get('location') ?? '';
  const path = join(dataDirOf(server.services), 'uploads', location.split('/').at(-1) ?? '');
  await rm(path);
  await symlink(FULL_DISK, path);
  const refused = await patch(location, 0);
  expect([refused.status, refused.headers.get('content-type')]).toEqual([
    507,
    expect.stringContaining('application/json'),
  ]);
  expect(await refused.json()).toEqual({ detail: expect.stringContaining('make room') });
  expect(server.logged()).not.toContain('failed unexpectedly');

  await rm(path);
  await writeFile(path, zip.subarray(0, 1_000_000));
  expect((await send('HEAD', location, {})).headers.get('upload-offset')).toBe('1000000');
  expect((await patch(location, 1_000_000)).status).toBe(200);
  await server.close();
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

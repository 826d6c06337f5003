import { randomUUID } from 'node:crypto';
import { access, mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openWorkspace } from '../../src/infra/workspace.ts';

const HOUR_MS = 60 * 60_000;

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sidecar-workspace-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function makeFile(name: string, ageHours: number): Promise<string> {
  const path = join(directory, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, 'content');
  const then = new Date(Date.now() - ageHours * HOUR_MS);
  await utimes(path, then, then);
  return path;
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

test('C12: a sweep removes what is old and of no use, and spares the rest', async () => {
  const workspace = await openWorkspace(directory, 1_000);
  const needed = randomUUID();
  const kept = [
    await makeFile(`archives/${needed}.zip`, 100),
    await makeFile(`archives/${randomUUID()}.zip`, 0),
    await makeFile(`archives/${randomUUID()}.zip.part`, 2),
    await makeFile('uploads/growing', 2),
    // Written when the upload began, which still grows.
    await makeFile('uploads/growing.json', 100),
    await makeFile('uploads/begun.json', 2),
    await makeFile('files/user/growing.part', 2),
    await makeFile('files/user/ab/abcdef', 100),
    await makeFile('spool/growing.part', 2),
  ];
  const swept = [
    await makeFile(`archives/${randomUUID()}.zip`, 2),
    await makeFile(`archives/${randomUUID()}.zip.part`, 25),
    await makeFile('uploads/given-up', 25),
    await makeFile('uploads/given-up.json', 100),
    await makeFile('uploads/lone.json', 25),
    await makeFile('files/user/crashed.part', 25),
    await makeFile('spool/crashed.part', 25),
  ];
  await workspace.sweep(async (taskId) => taskId === needed);
  expect(await Promise.all(kept.map(exists))).toEqual(kept.map(() => true));
  expect(await Promise.all(swept.map(exists))).toEqual(swept.map(() => false));
});

test('C12: an upload whose last bytes came long ago outlives a sweep before its task is there', async () => {
  const workspace = await openWorkspace(directory, 1_000);
  const taskId = randomUUID();
  await workspace.adoptArchive(taskId, await makeFile('uploads/finished', 5));
  await workspace.sweep(async () => false);
  expect(await exists(workspace.archivePath(taskId))).toBe(true);
});

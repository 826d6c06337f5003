import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { expect, type TestContext, test } from 'vitest';
import type { NewRows } from '../../src/domain/import/rows.ts';
import { keepRows } from '../../worker/kept-rows.ts';

const MEGABYTE = 1024 * 1024;

async function folderOf({ onTestFinished }: Pick<TestContext, 'onTestFinished'>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-kept-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function rowsOf(index: number): NewRows {
  const piece = (length: number) => new Uint8Array(length).fill(index);
  return {
    ids: [uuidv7(), uuidv7()],
    transactionId: String(index),
    conversations: [piece(100)],
    messages: [piece(MEGABYTE), piece(3)],
    bytes: MEGABYTE + 103,
  };
}

test('Rows come back whole and in order, most of them from a file without a name', async (context) => {
  const folder = await folderOf(context);
  const kept = keepRows(join(folder, 'rows'));
  const all = Array.from({ length: 12 }, (_, index) => rowsOf(index));
  // Copies, for what goes into the file is gone from memory.
  for (const rows of all.slice(0, 10)) await kept.push(structuredClone(rows));
  expect(await readdir(folder)).toEqual([]);
  const back: (NewRows | null)[] = [];
  for (let taken = 0; taken < 5; taken += 1) back.push(await kept.shift());
  // There is room in memory again, but others are before them.
  for (const rows of all.slice(10)) await kept.push(structuredClone(rows));
  while (!kept.isEmpty()) back.push(await kept.shift());
  expect(back).toEqual(all);
  expect(await kept.shift()).toBeNull();
  await kept.close();
});

test('A disk that takes nothing is told of, and what is in memory stays', async (context) => {
  const kept = keepRows(join(await folderOf(context), 'missing', 'rows'));
  const all = Array.from({ length: 4 }, (_, index) => rowsOf(index));
  for (const rows of all.slice(0, 3)) await kept.push(rows);
  await expect(kept.push(rowsOf(3))).rejects.toThrow('ENOENT');
  await kept.forgetFile();
  const back: (NewRows | null)[] = [];
  while (!kept.isEmpty()) back.push(await kept.shift());
  expect(back).toEqual(all.slice(0, 3));
  await kept.close();
});

test('What is in the file is forgotten, and what is in memory stays', async (context) => {
  const kept = keepRows(join(await folderOf(context), 'rows'));
  const all = Array.from({ length: 6 }, (_, index) => rowsOf(index));
  for (const rows of all) await kept.push(rows);
  await kept.forgetFile();
  const back: (NewRows | null)[] = [];
  while (!kept.isEmpty()) back.push(await kept.shift());
  expect(back).toEqual(all.slice(0, 3));
  await kept.close();
});

import { buffer } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { ExportEntry } from '../src/domain/export-entry.ts';
import { zipOf } from '../worker/zip.ts';

// An error that nobody hears ends the program, and fails a run of the tests.
test('a zip whose entries cannot be read before anybody reads it fails its reader alone', async () => {
  const uncaught: unknown[] = [];
  const note = (error: unknown) => uncaught.push(error);
  process.on('uncaughtException', note);
  onTestFinished(() => void process.off('uncaughtException', note));
  const zip = zipOf(noEntries, new AbortController().signal);
  // Its reader makes a folder first, or asks the database.
  while (!zip.closed) await turn();
  expect(uncaught).toEqual([]);
  await expect(buffer(zip)).rejects.toThrow('the database is away');
});

const noEntries: AsyncIterable<ExportEntry> = {
  [Symbol.asyncIterator]: () => ({
    next: () => Promise.reject(new Error('the database is away')),
  }),
};

import { open as openFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { openZip } from '../../../src/archive/zip.ts';
import { importZip, limits, makeZip, temporaryFile } from '../builders.ts';
import { shard } from '../export/parts.ts';
import { open, twoParts } from './parts.ts';

describe('a zip whose end counts fewer entries than its table lists', () => {
  it('gives all of them', async () => {
    const shards = ['a', 'b', 'c'].map((id, at) => shard(`conversations-00${at}.json`, id));
    for (const entryCount of [0, 1, 2]) {
      const { conversations, problems } = await importZip(makeZip(shards, { entryCount }));
      expect(conversations.map(({ externalId }) => externalId)).toEqual(['a', 'b', 'c']);
      expect(problems).toEqual([]);
    }
  });

  it('does so where the count went round at 65,536, as with writers without 64-bit fields', async () => {
    const files = Array.from({ length: 65_539 }, (_, index) => ({ name: `f${index}`, method: 0 }));
    const parts = [...files, shard('conversations.json', 'a')];
    const zip = await open(parts, { entryCount: parts.length % 65_536 });
    expect(zip.entries).toHaveLength(65_540);
    expect(zip.entries.at(-1)?.name).toBe('conversations.json');
    await zip.close();
  }, 60_000);

  it('is held to the limit by what it lists', async () => {
    const path = await temporaryFile(makeZip(twoParts, { entryCount: 1 }));
    await expect(openZip(path, { ...limits, maxEntries: 1 })).rejects.toMatchObject({
      code: 'ZIP_TOO_LARGE',
    });
  });

  it('is refused when its table ends within an entry', async () => {
    const bytes = makeZip(twoParts, { entryCount: 1 });
    const second = bytes.lastIndexOf('PK\x01\x02');
    bytes.writeUInt16LE(60_000, second + 28);
    await expect(openZip(await temporaryFile(bytes), limits)).rejects.toMatchObject({ code: 'ZIP_INVALID' });
  });
});

it('A zip with other bytes behind the last entry of its table says so', async () => {
  const bytes = makeZip(twoParts);
  const end = bytes.lastIndexOf('PK\x05\x06');
  const longer = Buffer.concat([bytes.subarray(0, end), Buffer.alloc(50, 'x'), bytes.subarray(end)]);
  longer.writeUInt32LE(longer.readUInt32LE(end + 50 + 12) + 50, end + 50 + 12);
  const zip = await openZip(await temporaryFile(longer), limits);
  expect(zip.entries).toHaveLength(2);
  expect(zip.warnings.map((warning) => warning.code)).toEqual(['ZIP_TABLE_REST']);
  await zip.close();
});

it('A signature behind the last entry of a table is none of its entries, and no trouble', async () => {
  const bytes = makeZip(twoParts);
  const end = bytes.lastIndexOf('PK\x05\x06');
  const signature = Buffer.from('PK\x05\x05\x04\x00sign');
  const longer = Buffer.concat([bytes.subarray(0, end), signature, bytes.subarray(end)]);
  const at = end + signature.length + 12;
  longer.writeUInt32LE(longer.readUInt32LE(at) + signature.length, at);
  const zip = await openZip(await temporaryFile(longer), limits);
  expect(zip.entries).toHaveLength(2);
  expect(zip.warnings).toEqual([]);
  await zip.close();
});

it('A zip of more than 4 GiB without 64-bit fields says that another program must pack it', async () => {
  // A hole of 4 GiB before the table: its offset goes round to what it was.
  const bytes = makeZip(twoParts);
  const table = bytes.indexOf('PK\x01\x02');
  const path = await temporaryFile(bytes.subarray(0, table));
  await using handle = await openFile(path, 'r+');
  await handle.write(bytes, table, bytes.length - table, table + 2 ** 32);
  await expect(openZip(path, limits)).rejects.toMatchObject({
    code: 'ZIP_NOT_64_BIT',
    message: expect.stringMatching(/4 GiB.*another program/),
  });
});

import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { openExport } from '../../../src/archive/export.ts';
import { limits, makeZip, temporaryFile } from '../builders.ts';
import { shard } from './parts.ts';

test.each([
  ['deflated, again and again', 8],
  ['stored, not at all', 0],
])('Who opens an export hears that a zip within it is unpacked: %s', async (_how, method) => {
  const file = { name: 'file-1.dat', data: randomBytes(1_000_000), method: 0 };
  const inner = makeZip([shard('conversations.json', 'a'), file]);
  const path = await temporaryFile(
    makeZip([{ name: 'Conversations__a-chatgpt-0001.zip', data: inner, method }]),
  );
  let heard = 0;
  const onUnpacking = () => heard++;
  const archive = await openExport(path, { limits, tempPath: `${path}.inner`, onUnpacking });
  await archive.close();
  expect(archive.shards).toHaveLength(1);
  if (method === 0) expect(heard).toBe(0);
  else expect(heard).toBeGreaterThan(1);
});

import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { prepareBatch } from '../../src/domain/import/batch.ts';
import { giveBack, lend } from '../../src/own-memory.ts';
import { dialogue } from '../archive/builders.ts';
import { startTestServer } from '../support/server.ts';

test('A conversation at the beginning of a buffer that others read as well leaves them theirs', async () => {
  const { services, close } = await startTestServer({ backend: 'postgres', worker: false });
  try {
    const json = JSON.stringify(dialogue('first of all'));
    const whole = Buffer.allocUnsafeSlow(2 * Buffer.poolSize).fill(' ');
    whole.write(json);
    whole.write('the next', json.length);
    const element = (bytes: Buffer) => ({ shard: 'conversations.json', element: 0, content: { bytes } });
    const first = lend(whole.subarray(0, json.length));
    const next = lend(whole.subarray(json.length, json.length + 8));

    const shared = await prepareBatch(services, uuidv7(), [element(first)]);
    expect(shared.versions).toHaveLength(1);
    expect(next.toString()).toBe('the next');
    expect(whole.buffer.detached).toBe(false);
    giveBack(next, whole);
    expect(whole.buffer.detached).toBe(true);
  } finally {
    await close();
  }
});

test('Bytes that fill their buffer are given back however few they are, parts of a pool never', () => {
  const pooled = Buffer.from('a few of the pool');
  giveBack(pooled);
  expect(pooled.toString()).toBe('a few of the pool');
  for (const length of [1, Buffer.poolSize, Buffer.poolSize + 1]) {
    const own = Buffer.allocUnsafeSlow(length);
    giveBack(own);
    expect(own.buffer.detached).toBe(true);
    // What is gone already.
    giveBack(own);
  }
  const part = Buffer.allocUnsafeSlow(Buffer.poolSize).subarray(1);
  giveBack(part);
  expect(part.buffer.detached).toBe(false);
});

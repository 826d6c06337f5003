import { mkdtemp, readdir, rm, watch } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { expect, type TestContext, test } from 'vitest';
import { LostBytesError } from '../../src/archive/chatgpt/by-nodes.ts';
import { readConversation } from '../../src/archive/conversation.ts';
import type { PreparedConversation } from '../../src/domain/import/prepare.ts';
import { type SetAsideBytes, setBytesAside } from '../../src/infra/threads/set-aside.ts';
import { openThreads } from '../../src/infra/threads.ts';
import { chatGpt, node, say } from '../archive/builders.ts';

async function folderOf({ onTestFinished }: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-aside-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('Bytes that are set aside take no memory, are read from a file without a name, and go with it', async (context) => {
  const folder = await folderOf(context);
  const bytes = Buffer.allocUnsafeSlow(300_000);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = at % 251;
  const copy = Buffer.from(bytes);

  const file = setBytesAside(join(folder, 'scratch'), bytes);
  expect(bytes.buffer.detached).toBe(true);
  expect(await readdir(folder)).toEqual([]);
  for (const [from, to] of [
    [0, 0],
    [0, 1],
    [299_999, 300_000],
    [70_000, 210_001],
    [0, 300_000],
  ] as const) {
    expect(file.read(from, to).equals(copy.subarray(from, to))).toBe(true);
  }
  expect(() => file.read(299_999, 300_001)).toThrow('gone');
  file.close();
  expect(() => file.read(0, 1)).toThrow('EBADF');
});

test('Bytes that the disk does not take stay', async (context) => {
  const folder = await folderOf(context);
  const bytes = Buffer.allocUnsafeSlow(300_000);
  expect(() => setBytesAside(join(folder, 'missing', 'scratch'), bytes)).toThrow('ENOENT');
  expect(bytes.length).toBe(300_000);
});

/** Of some 5 MB, in nodes of which none is most of it. */
const large = chatGpt(
  Array.from({ length: 50 }, (_, index) =>
    node(
      `n${index}`,
      index > 0 ? `n${index - 1}` : null,
      say('user', `${index} ${'ä word or two '.repeat(7_000)}`),
    ),
  ),
  { conversation_id: 'large', title: 'Large' },
);

async function prepareAt(scratchPath: string, conversation: object): Promise<PreparedConversation[]> {
  const threads = openThreads(scratchPath);
  try {
    const json = Buffer.from(JSON.stringify(conversation));
    const bytes = new Uint8Array(json.length);
    bytes.set(json);
    return await threads.prepare({ userId: uuidv7(), bytes, ends: [bytes.length] });
  } finally {
    await threads.close();
  }
}

const rowsOf = ([prepared]: PreparedConversation[]) => {
  if (prepared?.kind !== 'conversation') throw new Error('It was not read.');
  return {
    rows: prepared.encoded.messages.rows,
    bytes: prepared.encoded.messages.bytes.length,
    title: prepared.title,
  };
};

test('A thread reads a large conversation from the disk, leaves nothing there, and does without it', async (context) => {
  const folder = await folderOf(context);
  const stop = new AbortController();
  const names = (async () => {
    for await (const { filename } of watch(folder, { signal: stop.signal })) return filename;
    return null;
  })();
  const fromDisk = rowsOf(await prepareAt(join(folder, 'scratch'), large));
  expect(await names).toMatch(/^scratch\.[0-9a-f-]{36}$/);
  expect(await readdir(folder)).toEqual([]);
  expect(fromDisk).toMatchObject({ rows: 50, title: 'Large' });
  expect(rowsOf(await prepareAt(join(folder, 'missing', 'scratch'), large))).toEqual(fromDisk);
});

test('What the disk does not give back is no fault of the conversation', async (context) => {
  const scratchPath = join(await folderOf(context), 'scratch');
  // Without an id nodes are read for that, too.
  for (const conversation of [large, { ...large, conversation_id: undefined }]) {
    const bytes = Buffer.from(JSON.stringify(conversation));
    const files: SetAsideBytes[] = [];
    const halfOf = (whole: Buffer) => {
      const file = setBytesAside(scratchPath, whole.subarray(0, whole.length >> 1));
      files.push(file);
      return file.read;
    };
    expect(() => readConversation(bytes, { setAside: halfOf })).toThrow(LostBytesError);
    for (const file of files) file.close();
    expect(files).toHaveLength(1);
  }
});

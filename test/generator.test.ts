import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Open } from 'unzipper';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  conversationAt,
  type ExportConversation,
  generateExport,
  isChanged,
  textOf,
  toPythonJson,
  topicOf,
  toSlim,
} from '../bench/generator/index.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sidecar-generator-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function entriesOf(path: string): Promise<Map<string, Buffer>> {
  const { files } = await Open.file(path);
  return new Map(await Promise.all(files.map(async (file) => [file.path, await file.buffer()] as const)));
}

function conversationsIn(entries: Map<string, Buffer>): ExportConversation[] {
  const paths = [...entries.keys()].filter((path) => /^conversations(-\d+)?\.json$/.test(path)).sort();
  return paths.flatMap((path) => JSON.parse(String(entries.get(path))) as ExportConversation[]);
}

function messagesOf(conversation: ExportConversation) {
  return Object.values(conversation.mapping).flatMap((node) => (node.message === null ? [] : [node.message]));
}

async function sha256Of(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

test('The same seed gives the same bytes, and another seed gives others', async () => {
  const paths = ['a.zip', 'b.zip', 'c.zip'].map((name) => join(folder, name));
  const [a = '', b = '', c = ''] = paths;
  const first = await generateExport({ path: a, targetBytes: 1e6, seed: 1, sharded: true });
  const second = await generateExport({ path: b, targetBytes: 1e6, seed: 1, sharded: true });
  await generateExport({ path: c, targetBytes: 1e6, seed: 2, sharded: true });
  expect(second).toEqual(first);
  expect(await sha256Of(b)).toBe(await sha256Of(a));
  expect(await sha256Of(c)).not.toBe(await sha256Of(a));
});

test('A conversation does not depend on how large its export is or how it is split', async () => {
  const small = join(folder, 'small.zip');
  const large = join(folder, 'large.zip');
  const made = await generateExport({ path: small, targetBytes: 5e5, seed: 3 });
  await generateExport({ path: large, targetBytes: 4e6, seed: 3, sharded: true });
  const [few, many] = [conversationsIn(await entriesOf(small)), conversationsIn(await entriesOf(large))];
  expect(few).toHaveLength(made.conversations);
  expect(many.slice(0, few.length)).toEqual(few);
  expect(few[2]).toEqual(JSON.parse(toPythonJson(conversationAt(3, 2))));
});

test('Sizes come out near the target and the counts are those of the files', async () => {
  const path = join(folder, 'sizes.zip');
  const made = await generateExport({ path, targetBytes: 8e6, seed: 5, sharded: true });
  const entries = await entriesOf(path);
  const conversations = conversationsIn(entries);
  const messages = conversations.flatMap(messagesOf);
  expect(made.jsonBytes).toBeGreaterThan(8e6);
  expect(made.jsonBytes).toBeLessThan(9e6);
  expect(made.zipBytes).toBe((await readFile(path)).length);
  expect(made.conversations).toBe(conversations.length);
  expect(made.messages).toBe(messages.length);
  const textBytes = messages.reduce((sum, message) => sum + Buffer.byteLength(textOf(message.content)), 0);
  expect(made.textBytes).toBe(textBytes);
  expect(made.jsonBytes / made.textBytes).toBeGreaterThan(2.9);
  expect(made.jsonBytes / made.textBytes).toBeLessThan(3.7);
  expect(made.messages / made.conversations).toBeGreaterThan(11);
  expect(made.messages / made.conversations).toBeLessThan(17);

  const manifest = JSON.parse(String(entries.get('export_manifest.json')));
  for (const file of manifest.export_files) expect(entries.get(file.path)?.length).toBe(file.size_bytes);
  expect(manifest.logical_files['conversations.json'].files).toHaveLength(
    Math.ceil(conversations.length / 100),
  );
});

test('Every conversation is a tree whose parents and children agree and whose current node is a leaf', () => {
  for (let index = 0; index < 200; index++) {
    const { mapping, current_node, create_time, update_time } = conversationAt(9, index);
    const nodes = Object.entries(mapping);
    expect(nodes.filter(([, node]) => node.parent === null)).toHaveLength(1);
    for (const [key, node] of nodes) {
      expect(node.id).toBe(key);
      expect(node.message === null || node.message.id === key).toBe(true);
      for (const child of node.children) expect(mapping[child]?.parent).toBe(key);
      if (node.parent !== null) expect(mapping[node.parent]?.children).toContain(key);
    }
    expect(mapping[current_node]?.children).toEqual([]);
    expect(update_time).toBeGreaterThan(create_time);
  }
});

test('Exports hold branches, tools, thoughts, pictures, code, broken text and many scripts', () => {
  const conversations = Array.from({ length: 1500 }, (_, index) => conversationAt(1, index));
  const branched = conversations.filter((conversation) =>
    Object.values(conversation.mapping).some((node) => node.children.length > 1),
  );
  expect(branched.length / conversations.length).toBeGreaterThan(0.08);
  expect(branched.length / conversations.length).toBeLessThan(0.16);

  const messages = conversations.flatMap(messagesOf);
  const types = new Set(messages.map((message) => message.content.content_type));
  expect(types.size).toBe(8);
  expect(new Set(messages.map((message) => message.author.role))).toEqual(
    new Set(['system', 'user', 'assistant', 'tool']),
  );
  const text = messages.map((message) => textOf(message.content)).join('\n');
  expect(text).toContain('\u0000');
  expect(text.isWellFormed()).toBe(false);
  for (const sample of ['```python', '\n- ', '\n## ', '|---|', 'é', '。', '🚀', '\ue200cite']) {
    expect(text).toContain(sample);
  }
  const replies = messages.filter(
    (message) => message.author.role === 'assistant' && message.channel === 'final',
  );
  const broken = replies.filter((message) => textOf(message.content).includes('\u0000')).length;
  expect(broken).toBeLessThan(replies.length / 500);
});

test('Each conversation says one fact of its own on its active path', () => {
  const facts = new Set<string>();
  for (let index = 0; index < 300; index++) {
    const topic = topicOf(4, index);
    const conversation = conversationAt(4, index);
    const path: string[] = [];
    for (let id: string | null = conversation.current_node; id !== null; ) {
      const node: ExportConversation['mapping'][string] | undefined = conversation.mapping[id];
      if (node?.message) path.push(textOf(node.message.content));
      id = node?.parent ?? null;
    }
    expect(path.filter((text) => text.includes(topic.fact))).toHaveLength(1);
    expect(topic.fact).toContain(topic.answer);
    expect(conversation.title).toBe(topic.title);
    facts.add(topic.fact);
  }
  expect(facts.size).toBe(300);
});

test('A changed conversation has two more messages and a newer time and nothing else new', () => {
  for (let index = 0; index < 50; index++) {
    const before = conversationAt(6, index);
    const after = conversationAt(6, index, { changed: true });
    expect(messagesOf(after).length).toBe(messagesOf(before).length + 2);
    expect(messagesOf(after).slice(0, -2)).toEqual(messagesOf(before));
    expect(after.update_time).toBeGreaterThan(before.update_time);
    expect(after.mapping[after.current_node]?.parent).not.toBe(before.current_node);
    const { mapping: _before, current_node: _tipBefore, update_time: _timeBefore, ...restBefore } = before;
    const { mapping: _after, current_node: _tipAfter, update_time: _timeAfter, ...restAfter } = after;
    expect(restAfter).toEqual(restBefore);
  }
});

test('A share of changes leaves the other conversations and their number as they were', async () => {
  const [before, after] = [join(folder, 'before.zip'), join(folder, 'after.zip')];
  const made = await generateExport({ path: before, targetBytes: 2e6, seed: 8 });
  const changed = await generateExport({ path: after, targetBytes: 2e6, seed: 8, changedShare: 0.3 });
  expect(changed.conversations).toBe(made.conversations);
  const olds = conversationsIn(await entriesOf(before));
  const news = conversationsIn(await entriesOf(after));
  const differing = news.flatMap((conversation, index) =>
    conversation.update_time === olds[index]?.update_time ? [] : [index],
  );
  const expected = news.flatMap((_, index) => (isChanged(8, index, 0.3) ? [index] : []));
  expect(differing).toEqual(expected);
  expect(changed.messages - made.messages).toBe(2 * expected.length);
});

test('JSON is escaped as Python escapes it', () => {
  expect(toPythonJson({ a: [1, 'é"\\\n', null], weight: 1, n: 1.5, ü: '😀\ud83d\u0000\u007f' })).toBe(
    '{"a": [1, "\\u00e9\\"\\\\\\n", null], "weight": 1.0, "n": 1.5, "\\u00fc": "\\ud83d\\ude00\\ud83d\\u0000\\u007f"}',
  );
  expect(toPythonJson({ empty: [], none: {}, on: true })).toBe('{"empty": [], "none": {}, "on": true}');
});

test('Every attachment in the archive is the picture that a conversation speaks of', async () => {
  const path = join(folder, 'images.zip');
  await generateExport({ path, targetBytes: 4e6, seed: 1 });
  const entries = await entriesOf(path);
  const pointers = conversationsIn(entries)
    .flatMap(messagesOf)
    .flatMap((message) => (message.content.content_type === 'multimodal_text' ? message.content.parts : []))
    .flatMap((part) => (typeof part === 'string' ? [] : [part]));
  const pictures = [...entries].filter(([name]) => name.startsWith('file-'));
  expect(pictures.length).toBeGreaterThan(0);
  expect(pictures.length).toBeLessThanOrEqual(pointers.length);
  for (const [name, bytes] of pictures) {
    const pointer = pointers.find((part) =>
      name.startsWith(`${part.asset_pointer.replace('file-service://', '')}-`),
    );
    expect(pointer?.size_bytes).toBe(bytes.length);
    expect(bytes.subarray(1, 4).toString()).toBe('PNG');
  }
});

test('The slim form holds what people and models said, without children and with every key in order', async () => {
  const path = join(folder, 'slim.zip');
  await generateExport({ path, targetBytes: 1e6, seed: 1, era: 'slim' });
  const entries = await entriesOf(path);
  const text = String(entries.get('conversations.json'));
  expect(text).not.toContain('"children"');
  const conversations = JSON.parse(text) as ReturnType<typeof toSlim>[];
  for (const [index, conversation] of conversations.entries()) {
    expect(conversation).toEqual(JSON.parse(JSON.stringify(toSlim(conversationAt(1, index)))));
    expect(Object.keys(conversation)).toEqual(Object.keys(conversation).toSorted());
    const path: string[] = [];
    for (
      let id: string | null = conversation.current_node;
      id !== null;
      id = conversation.mapping[id]?.parent ?? null
    ) {
      expect(conversation.mapping).toHaveProperty([id]);
      path.push(id);
    }
    expect(path.length).toBeGreaterThan(2);
    const roles = Object.values(conversation.mapping).map((node) => node.message?.author.role ?? 'user');
    expect(new Set(roles)).toEqual(new Set(['user', 'assistant']));
  }
  const names = JSON.parse(String(entries.get('conversation_asset_file_names.json')));
  const attachments = [...entries.keys()].filter((name) => name.endsWith('.dat'));
  expect(Object.keys(names).toSorted()).toEqual(attachments.toSorted());
});

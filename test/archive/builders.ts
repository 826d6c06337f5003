/** Builds small exports, plain and hostile, byte by byte, so that a test can bend any field of a zip. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import { onTestFinished } from 'vitest';
import { readConversation } from '../../src/archive/conversation.ts';
import { openExport } from '../../src/archive/export.ts';
import type { Slice } from '../../src/archive/slices.ts';
import { type ArchiveConversation, ArchiveError } from '../../src/archive/types.ts';

export const limits = { maxExpandedBytes: 1024 ** 3 };

export interface ZipPart {
  name: string | Buffer;
  data?: Buffer | string;
  /** 0 stored, 8 deflated (the default). */
  method?: number;
  flags?: number;
  externalAttributes?: number;
  /** Sizes follow the data, and the local header says 0. */
  descriptor?: boolean;
  /** Sizes and offset stand in the 64-bit extra field. */
  zip64?: boolean;
  /** Lies in the table. */
  crc?: number;
  expandedBytes?: number;
  compressedBytes?: number;
  headerOffset?: number;
}

export interface ZipShape {
  comment?: Buffer;
  prefix?: Buffer;
  suffix?: Buffer;
  zip64End?: boolean;
  /** Lies in the end record. */
  entryCount?: number;
}

function uint16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16LE(value);
  return buffer;
}

function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value >>> 0);
  return buffer;
}

function uint64(value: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt(value));
  return buffer;
}

export function makeZip(parts: readonly ZipPart[], shape: ZipShape = {}): Buffer {
  const local: Buffer[] = [];
  const table: Buffer[] = [];
  let offset = 0;
  for (const part of parts) {
    const data = Buffer.from(part.data ?? '');
    const method = part.method ?? 8;
    const packed = method === 8 ? deflateRawSync(data) : data;
    const name = Buffer.from(part.name);
    const flags = (part.flags ?? 0) | (part.descriptor ? 8 : 0);
    const crc = part.crc ?? crc32(data);
    const sizes = { packed: part.compressedBytes ?? packed.length, data: part.expandedBytes ?? data.length };
    const headerOffset = part.headerOffset ?? offset;
    const known = part.descriptor !== true;

    const header = Buffer.concat([
      Buffer.from('PK\x03\x04'),
      uint16(20),
      uint16(flags),
      uint16(method),
      uint32(0),
      uint32(known ? crc : 0),
      uint32(known ? packed.length : 0),
      uint32(known ? data.length : 0),
      uint16(name.length),
      uint16(0),
      name,
    ]);
    const size = part.zip64 ? uint64 : uint32;
    const descriptor = known
      ? Buffer.alloc(0)
      : Buffer.concat([Buffer.from('PK\x07\x08'), uint32(crc), size(packed.length), size(data.length)]);
    local.push(header, packed, descriptor);
    offset += header.length + packed.length + descriptor.length;

    const extra = part.zip64
      ? Buffer.concat([uint16(1), uint16(24), uint64(sizes.data), uint64(sizes.packed), uint64(headerOffset)])
      : Buffer.alloc(0);
    table.push(
      Buffer.from('PK\x01\x02'),
      uint16(0x0314),
      uint16(20),
      uint16(flags),
      uint16(method),
      uint32(0),
      uint32(crc),
      uint32(part.zip64 ? 0xffffffff : sizes.packed),
      uint32(part.zip64 ? 0xffffffff : sizes.data),
      uint16(name.length),
      uint16(extra.length),
      uint16(0),
      uint16(0),
      uint16(0),
      uint32(part.externalAttributes ?? 0),
      uint32(part.zip64 ? 0xffffffff : headerOffset),
      name,
      extra,
    );
  }
  return finishZip(Buffer.concat(local), Buffer.concat(table), parts.length, shape);
}

function finishZip(local: Buffer, table: Buffer, parts: number, shape: ZipShape): Buffer {
  const comment = shape.comment ?? Buffer.alloc(0);
  const count = shape.entryCount ?? parts;
  const end64 = shape.zip64End
    ? Buffer.concat([
        Buffer.from('PK\x06\x06'),
        uint64(44),
        uint16(45),
        uint16(45),
        uint32(0),
        uint32(0),
        uint64(count),
        uint64(count),
        uint64(table.length),
        uint64(local.length),
        Buffer.from('PK\x06\x07'),
        uint32(0),
        uint64(local.length + table.length),
        uint32(1),
      ])
    : Buffer.alloc(0);
  return Buffer.concat([
    shape.prefix ?? Buffer.alloc(0),
    local,
    table,
    end64,
    Buffer.from('PK\x05\x06'),
    uint16(0),
    uint16(0),
    uint16(shape.zip64End ? 0xffff : count),
    uint16(shape.zip64End ? 0xffff : count),
    uint32(shape.zip64End ? 0xffffffff : table.length),
    uint32(shape.zip64End ? 0xffffffff : local.length),
    uint16(comment.length),
    comment,
    shape.suffix ?? Buffer.alloc(0),
  ]);
}

/** A folder that goes when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'sidecar-archive-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

export async function temporaryFile(bytes: Buffer | string): Promise<string> {
  const path = join(await temporaryFolder(), 'export.zip');
  await writeFile(path, bytes);
  return path;
}

export interface Imported {
  conversations: ArchiveConversation[];
  /** Codes of the elements that were skipped, failed or could not be kept, with their places. */
  others: { shard: string; element: number; code: string }[];
  /** Codes of what is wrong with the archive as a whole, and of shards that ended early. */
  problems: string[];
}

/** Reads everything that a zip gives, as an importer would. */
export async function importZip(
  zip: Buffer,
  options: Parameters<typeof openExport>[1]['limits'] = limits,
): Promise<Imported> {
  const path = await temporaryFile(zip);
  return importPath(path, options);
}

export async function importPath(
  path: string,
  options: Parameters<typeof openExport>[1]['limits'] = limits,
): Promise<Imported> {
  const archive = await openExport(path, { limits: options, tempPath: `${path}.inner` });
  const result: Imported = {
    conversations: [],
    others: [],
    problems: archive.problems.map((problem) => problem.code),
  };
  try {
    for (const shard of archive.shards) {
      try {
        for await (const slice of archive.readShard(shard)) addSlice(result, shard.name, slice);
      } catch (error) {
        if (!(error instanceof ArchiveError)) throw error;
        result.problems.push(error.code);
      }
    }
  } finally {
    await archive.close();
  }
  return result;
}

function addSlice(result: Imported, shard: string, slice: Slice): void {
  const { element } = slice;
  if (slice.error !== undefined) {
    result.others.push({ shard, element, code: slice.error.code });
    return;
  }
  const read = readConversation(slice.bytes);
  if (read.kind === 'conversation') result.conversations.push(read.conversation);
  else result.others.push({ shard, element, code: read.code });
}

export type Json = { [key: string]: unknown };

/** `node('b', 'a', say('user', 'hello'))`; children are left out, as newer exports do. */
export function node(
  id: string,
  parent: string | null | undefined,
  message: Json | null,
  rest: Json = {},
): [string, Json] {
  return [
    id,
    {
      id,
      message: message === null ? null : { id, ...message },
      ...(parent !== undefined && { parent }),
      ...rest,
    },
  ];
}

export function say(role: string, text: string, rest: Json = {}): Json {
  return { author: { role }, content: { content_type: 'text', parts: [text] }, ...rest };
}

export function chatGpt(nodes: [string, Json][], rest: Json = {}): Json {
  return { conversation_id: 'conv-1', title: 'A title', mapping: Object.fromEntries(nodes), ...rest };
}

/** A conversation of one question and one answer. */
export function dialogue(id: string, rest: Json = {}): Json {
  return chatGpt(
    [
      node('root', null, null, { children: ['q'] }),
      node('q', 'root', say('user', `question of ${id}`), { children: ['a'] }),
      node('a', 'q', say('assistant', `answer of ${id}`), { children: [] }),
    ],
    {
      conversation_id: id,
      id,
      title: `Title of ${id}`,
      create_time: 1_700_000_000.5,
      current_node: 'a',
      ...rest,
    },
  );
}

export function bytesOf(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** Reads a value that must be a conversation. */
export function read(value: unknown): ArchiveConversation {
  const result = readConversation(bytesOf(value));
  if (result.kind !== 'conversation') throw new Error(`${result.kind}: ${result.reason}`);
  return result.conversation;
}

/** Reads a conversation of one message. */
export function readMessage(message: Json): ArchiveConversation['messages'][number] {
  const [only] = read(chatGpt([node('m', null, message)])).messages;
  if (only === undefined) throw new Error('The message is missing.');
  return only;
}

export async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

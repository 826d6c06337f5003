/** What a thread does for an import: from the bytes of conversations to rows in the form in which they are sent. */
import { constants, zstdCompressSync } from 'node:zlib';
import { v7 as uuidv7 } from 'uuid';
import type { ReadResult } from '../../archive/conversation.ts';
import type { ArchiveConversation } from '../../archive/types.ts';
import { giveBack } from '../../own-memory.ts';
import { fillsLargeBuffer } from './binary-rows.ts';
import { createConversationEncoder, type EncodedConversation } from './rows.ts';

/** Conversations as they stand in an export, behind each other. */
export interface RawConversations {
  /** Whose they become. */
  userId: string;
  bytes: Uint8Array<ArrayBuffer>;
  /** Where each ends in `bytes`. */
  ends: number[];
}

/** A conversation that can be written, or why there is none. */
export type PreparedConversation = NewConversation | Exclude<ReadResult, { kind: 'conversation' }>;

/** A thread had too little memory for its work; the process goes on. */
export class OutOfMemoryError extends Error {
  constructor(options?: ErrorOptions) {
    super('A thread ran out of memory.', options);
    this.name = 'OutOfMemoryError';
  }
}

/** Encoded as if it were new, so that nothing of its objects outlives the thread's work on it. */
export interface NewConversation
  extends Pick<ArchiveConversation, 'provider' | 'externalId' | 'title' | 'warnings'> {
  kind: 'conversation';
  /** Of this form: in that order forms are merged. */
  updatedAtMs: number | null;
  /** What it gets when it is new. */
  id: string;
  encoded: EncodedConversation;
  /** Its bytes, compressed. */
  raw: Uint8Array;
  /** How many those were. */
  sizeBytes: number;
}

/**
 * Reads, compresses and encodes each conversation; nobody may look at `bytes` afterwards. All binary parts of the answer lie in one
 * buffer, but for large ones, which have buffers of their own.
 */
export function prepareConversations(
  read: (bytes: Buffer) => ReadResult,
  { userId, bytes, ends }: RawConversations,
): PreparedConversation[] {
  const encode = createConversationEncoder(userId);
  const prepared = ends.map((end, index) => {
    const start = ends[index - 1] ?? 0;
    const slice = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
    // First, for what a large conversation takes in the meantime, its values will take. The few that turn out to be none are
    // compressed for nothing.
    const raw = exact(compress(slice));
    const result = read(slice);
    if (result.kind !== 'conversation') return result;
    const { provider, externalId, title, asOfMs, warnings } = result.conversation;
    const id = uuidv7();
    // Of a large conversation the memory is needed for its rows.
    if (index === ends.length - 1) giveBack(bytes);
    const encoded = encode({ id, conversation: result.conversation });
    return {
      kind: 'conversation' as const,
      id,
      provider,
      externalId,
      title,
      updatedAtMs: asOfMs,
      warnings,
      encoded,
      raw,
      sizeBytes: end - start,
    };
  });
  // When the last one is no conversation.
  giveBack(bytes);
  return moveTogether(prepared);
}

/** All that is binary of a conversation. */
export const partsOf = ({ encoded, raw }: Pick<NewConversation, 'encoded' | 'raw'>): Uint8Array[] => [
  encoded.head.bytes,
  encoded.messages.bytes,
  raw,
];

/** Large bytes without the room behind them, the others as they are. */
function exact(compressed: Buffer<ArrayBuffer>): Uint8Array {
  if (compressed.length < LARGE_BYTES) return compressed;
  const alone = Buffer.allocUnsafeSlow(compressed.length);
  compressed.copy(alone);
  giveBack(compressed);
  return alone;
}

/** What travels to another thread are few buffers then, which need not be copied. */
function moveTogether(prepared: PreparedConversation[]): PreparedConversation[] {
  const total = prepared
    .flatMap((each) => (each.kind === 'conversation' ? partsOf(each) : []))
    .reduce((sum, part) => sum + (fillsLargeBuffer(part) ? 0 : part.length), 0);
  const buffer = new Uint8Array(total);
  let used = 0;
  const move = (part: Uint8Array) => {
    if (fillsLargeBuffer(part)) return part;
    buffer.set(part, used);
    used += part.length;
    return buffer.subarray(used - part.length, used);
  };
  return prepared.map((each) => {
    if (each.kind !== 'conversation') return each;
    const { head, messages, links } = each.encoded;
    const encoded = {
      head: { ...head, bytes: move(head.bytes) },
      messages: { ...messages, bytes: move(messages.bytes) },
      links,
    };
    return { ...each, encoded, raw: move(each.raw) };
  });
}

const SMALL_BYTES = 256 * 1024;
const LARGE_BYTES = 1024 * 1024;
const { ZSTD_c_compressionLevel, ZSTD_c_hashLog } = constants;

/**
 * Told the size beforehand, zstd takes little time for one conversation, most of it for clearing its table, of which
 * 2^12 entries compress a usual conversation as well.
 */
const compress = (bytes: Buffer) =>
  zstdCompressSync(bytes, {
    params: {
      [ZSTD_c_compressionLevel]: 1,
      ...(bytes.length < SMALL_BYTES ? { [ZSTD_c_hashLog]: 12 } : {}),
    },
    pledgedSrcSize: bytes.length,
    chunkSize: Math.max(1_024, bytes.length >> 1),
  });

/** What a thread does for an import: from the bytes of conversations to rows in the form in which they are sent. */
import { constants, zstdCompressSync } from 'node:zlib';
import { v7 as uuidv7 } from 'uuid';
import type { ReadResult } from '../../archive/conversation.ts';
import type { ArchiveConversation } from '../../archive/types.ts';
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
  extends Pick<ArchiveConversation, 'provider' | 'externalId' | 'title' | 'updatedAtMs' | 'warnings'> {
  kind: 'conversation';
  /** What it gets when it is new. */
  id: string;
  encoded: EncodedConversation;
  /** Its bytes, compressed. */
  raw: Uint8Array;
  /** How many those were. */
  sizeBytes: number;
}

/** Reads, compresses and encodes each conversation. All binary parts of the answer lie in one buffer of their own. */
export function prepareConversations(
  read: (bytes: Buffer) => ReadResult,
  { userId, bytes, ends }: RawConversations,
): PreparedConversation[] {
  const encode = createConversationEncoder(userId);
  const prepared = ends.map((end, index) => {
    const start = ends[index - 1] ?? 0;
    const slice = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
    const result = read(slice);
    if (result.kind !== 'conversation') return result;
    const { provider, externalId, title, updatedAtMs, warnings } = result.conversation;
    const id = uuidv7();
    const encoded = encode({ id, conversation: result.conversation });
    return {
      kind: 'conversation' as const,
      id,
      provider,
      externalId,
      title,
      updatedAtMs,
      warnings,
      encoded,
      raw: compress(slice),
      sizeBytes: slice.length,
    };
  });
  return moveTogether(prepared);
}

/** What travels to another thread is a single buffer then, which need not be copied. */
function moveTogether(prepared: PreparedConversation[]): PreparedConversation[] {
  const partsOf = (each: NewConversation) => [each.encoded.head.bytes, each.encoded.messages.bytes, each.raw];
  const total = prepared
    .flatMap((each) => (each.kind === 'conversation' ? partsOf(each) : []))
    .reduce((sum, part) => sum + part.length, 0);
  const buffer = new Uint8Array(total);
  let used = 0;
  const move = (part: Uint8Array) => {
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

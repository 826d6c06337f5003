import { giveBack, hasOwnMemory } from '../../own-memory.ts';

/**
 * PostgreSQL's binary COPY format (manual, COPY, "Binary Format"): smaller and cheaper on both sides than text, and
 * nothing needs escaping.
 */
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const TRAILER = Buffer.from([0xff, 0xff]);
/** The first chunk of a writer, which most need only one of, and the most that a chunk grows to. */
const FIRST_CHUNK_BYTES = 16 * 1024;
const CHUNK_BYTES = 256 * 1024;
/** PostgreSQL counts microseconds from 2000-01-01. */
const POSTGRES_EPOCH_MS = 946_684_800_000;

/** Collects rows into chunks that `Transaction.copy` takes. */
export interface RowWriter {
  /** Begins a row of this many fields. */
  row(fields: number): void;
  text(value: string | null): void;
  /** Also for uuid, as its 16 bytes. */
  bytes(value: Uint8Array | null): void;
  int(value: number): void;
  bool(value: boolean): void;
  /** A field with its length before it, as it stands in another row. */
  encoded(field: Uint8Array): void;
  /** Milliseconds since 1970. */
  timestamp(value: number | null): void;
  readonly rows: number;
  /** The rows so far, to be appended to another writer; this one is empty afterwards. */
  take(): EncodedRows;
  /** Large rows that fill a buffer become a piece as they are, and are this writer's then. */
  append(encoded: EncodedRows): void;
  /** Everything written, in no piece when that is nothing; the writer is empty afterwards. */
  finish(): Piece[];
}

/** Whole rows without header and trailer. */
export interface EncodedRows {
  bytes: Uint8Array;
  rows: number;
}

/** Part of what a writer wrote, in memory of its own: what was appended at once is never cut in two. */
export type Piece = Uint8Array<ArrayBuffer>;

/** Rows with header and trailer, as `Transaction.copy` takes them. */
export const framed = (pieces: Uint8Array[]): Uint8Array[] => [SIGNATURE, ...pieces, TRAILER];

/**
 * Walks rows that begin at `from`, until the trailer or the end: `at` holds where each field's length begins, and where the
 * row ends.
 */
export function eachRow(bytes: Buffer, from: number, onRow: (at: readonly number[]) => void): void {
  const at: number[] = [];
  let offset = from;
  while (offset < bytes.length) {
    const fields = bytes.readInt16BE(offset);
    if (fields < 0) return;
    offset += 2;
    for (let field = 0; field < fields; field += 1) {
      at[field] = offset;
      offset += 4 + Math.max(0, bytes.readInt32BE(offset));
    }
    at[fields] = offset;
    onRow(at);
  }
}

/** Whether bytes fill a large buffer, so that they can become a piece as they are. */
export const fillsLargeBuffer = (bytes: Uint8Array): bytes is Piece =>
  bytes.length === bytes.buffer.byteLength && bytes.length >= CHUNK_BYTES && hasOwnMemory(bytes);

export function createRowWriter(): RowWriter {
  let chunks: Piece[] = [];
  // Never a piece, for a piece's memory goes to another thread.
  const nothing = Buffer.alloc(0);
  let buffer = nothing;
  let length = 0;
  let rows = 0;

  const closeChunk = () => {
    if (length > 0) chunks.push(buffer.subarray(0, length));
  };
  const reserve = (bytes: number) => {
    if (length + bytes <= buffer.length) return;
    closeChunk();
    const next = buffer.length === 0 ? FIRST_CHUNK_BYTES : Math.min(CHUNK_BYTES, buffer.length * 4);
    // Of its own, so that it can become another thread's.
    buffer = Buffer.allocUnsafeSlow(Math.max(next, bytes));
    length = 0;
  };
  /** Large bytes with memory of their own become a chunk; others are copied. */
  const put = (bytes: Uint8Array) => {
    if (fillsLargeBuffer(bytes)) {
      closeChunk();
      chunks.push(bytes);
      buffer = nothing;
      length = 0;
      return;
    }
    reserve(bytes.length);
    buffer.set(bytes, length);
    length += bytes.length;
  };
  const none = () => {
    reserve(4);
    length = buffer.writeInt32BE(-1, length);
  };

  /** All chunks in one, each of which goes as it is copied: together they would take the memory twice. */
  const joined = (): Uint8Array => {
    closeChunk();
    const bytes = Buffer.allocUnsafeSlow(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let at = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
      giveBack(chunk);
    }
    chunks = [];
    buffer = nothing;
    return bytes;
  };

  return {
    get rows() {
      return rows;
    },
    row(fields) {
      reserve(2);
      length = buffer.writeInt16BE(fields, length);
      rows += 1;
    },
    text(value) {
      if (value === null) return none();
      const bytes = Buffer.byteLength(value);
      reserve(4 + bytes);
      length = buffer.writeInt32BE(bytes, length);
      length += buffer.write(value, length, bytes, 'utf8');
    },
    bytes(value) {
      if (value === null) return none();
      reserve(4 + (fillsLargeBuffer(value) ? 0 : value.length));
      length = buffer.writeInt32BE(value.length, length);
      put(value);
    },
    int(value) {
      reserve(8);
      length = buffer.writeInt32BE(4, length);
      length = buffer.writeInt32BE(value, length);
    },
    bool(value) {
      reserve(5);
      length = buffer.writeInt32BE(1, length);
      length = buffer.writeUInt8(value ? 1 : 0, length);
    },
    encoded(field) {
      reserve(field.length);
      buffer.set(field, length);
      length += field.length;
    },
    timestamp(value) {
      if (value === null) return none();
      reserve(12);
      length = buffer.writeInt32BE(8, length);
      length = buffer.writeBigInt64BE(BigInt(Math.round(value) - POSTGRES_EPOCH_MS) * 1000n, length);
    },
    take() {
      const taken = { bytes: chunks.length > 0 ? joined() : Buffer.from(buffer.subarray(0, length)), rows };
      length = 0;
      rows = 0;
      return taken;
    },
    append(encoded) {
      put(encoded.bytes);
      rows += encoded.rows;
    },
    finish() {
      closeChunk();
      const finished = chunks;
      chunks = [];
      buffer = nothing;
      length = 0;
      rows = 0;
      return finished;
    },
  };
}

/** The 16 bytes of a UUID. */
export const uuidBytes = (uuid: string) => Buffer.from(uuid.replaceAll('-', ''), 'hex');

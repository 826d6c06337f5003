import { pipeline, Readable, type TransformOptions } from 'node:stream';
import { crc32, createInflateRaw, type ZlibOptions } from 'node:zlib';
import { defaultMaxRatio, ratioFloorBytes } from '../container.ts';
import { ArchiveError } from '../types.ts';
import { LOCAL_HEADER_SIGNATURE } from './end-record.ts';
import { type FileRange, readAt } from './file-range.ts';
import { DEFLATED, STORED, type ZipEntry } from './table.ts';

const LOCAL_HEADER_BYTES = 30;
// Measured: 16 KiB chunks, zlib's default, take twice as long.
const INFLATE_CHUNK_BYTES = 256 * 1024;
const FILE_CHUNK_BYTES = 1024 * 1024;
// Two chunks may wait, so that zlib's thread inflates the next while this one is parsed; as objects, for two that wait
// would else be copied into one.
const inflateOptions: ZlibOptions & TransformOptions = {
  chunkSize: INFLATE_CHUNK_BYTES,
  readableObjectMode: true,
  readableHighWaterMark: 2,
};

/** Why an entry can never be read, or null. */
export function unreadable(entry: ZipEntry): ArchiveError | null {
  if (entry.encrypted) {
    return new ArchiveError(
      'ZIP_ENCRYPTED',
      `${entry.name} is encrypted. Unpack the zip and pack it without a password.`,
    );
  }
  if (entry.method !== STORED && entry.method !== DEFLATED) {
    return new ArchiveError(
      'ZIP_UNSUPPORTED_METHOD',
      `${entry.name} is packed with method ${entry.method}. Pack the export again with the usual one (deflate).`,
    );
  }
  if (entry.method === STORED && entry.compressedBytes !== entry.expandedBytes) {
    return new ArchiveError('ZIP_INVALID', `${entry.name} is stored, yet its two sizes differ.`);
  }
  return null;
}

/** Where the packed bytes of an entry are, from the start of the range. */
export async function locateData(range: FileRange, entry: ZipEntry): Promise<number> {
  const header = await readAt(range, entry.headerOffset, LOCAL_HEADER_BYTES);
  const start = entry.headerOffset + LOCAL_HEADER_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28);
  if (header.readUInt32LE(0) !== LOCAL_HEADER_SIGNATURE || start + entry.compressedBytes > range.bytes) {
    throw new ArchiveError(
      'ZIP_INVALID',
      `${entry.name} is not where the zip says. Download the export again.`,
    );
  }
  return start;
}

/** Streams an entry, holding it to its declared size, ratio and CRC-32. */
export async function* readEntry(
  range: FileRange,
  entry: ZipEntry,
  options: { maxRatio: number | undefined; signal: AbortSignal | undefined },
): AsyncGenerator<Buffer> {
  const refusal = unreadable(entry);
  if (refusal !== null) throw refusal;
  const start = await locateData(range, entry);
  const maxBytes = Math.min(
    entry.expandedBytes,
    Math.max(ratioFloorBytes, entry.compressedBytes * (options.maxRatio ?? defaultMaxRatio)),
  );

  let bytes = 0;
  let crc = 0;
  for await (const chunk of openBytes(range, entry, start)) {
    options.signal?.throwIfAborted();
    const isTooLong = chunk.length > maxBytes - bytes;
    const good = isTooLong ? chunk.subarray(0, maxBytes - bytes) : chunk;
    bytes += good.length;
    crc = crc32(good, crc);
    if (good.length > 0) yield good;
    if (isTooLong) throw tooLong(entry, bytes);
  }
  if (bytes !== entry.expandedBytes) {
    throw new ArchiveError(
      'ZIP_BAD_SIZE',
      `${entry.name} ended after ${bytes} of ${entry.expandedBytes} bytes.`,
    );
  }
  if (crc !== entry.crc32) {
    throw new ArchiveError(
      'ZIP_BAD_CRC',
      `${entry.name} is damaged: its checksum is wrong. Download the export again.`,
    );
  }
}

async function* openBytes(range: FileRange, entry: ZipEntry, start: number): AsyncGenerator<Buffer> {
  if (entry.compressedBytes === 0) return;
  const packed = readChunks(range, start, entry.compressedBytes);
  if (entry.method === STORED) {
    yield* packed;
    return;
  }
  const inflate = createInflateRaw(inflateOptions);
  // The loop below sees every error of the pipeline, for the pipeline destroys `inflate` with it.
  pipeline(Readable.from(packed), inflate, () => {});
  try {
    yield* inflate as AsyncIterable<Buffer>;
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('Z_')) {
      throw new ArchiveError('ZIP_BAD_DATA', `${entry.name} is damaged. Download the export again.`, {
        cause: error,
      });
    }
    throw error;
  }
}

/** Not a file stream: each would hang a listener on the handle that all entries share. */
async function* readChunks(range: FileRange, start: number, bytes: number): AsyncGenerator<Buffer> {
  for (let done = 0; done < bytes; done += FILE_CHUNK_BYTES) {
    yield await readAt(range, start + done, Math.min(FILE_CHUNK_BYTES, bytes - done));
  }
}

function tooLong(entry: ZipEntry, bytes: number): ArchiveError {
  return bytes === entry.expandedBytes
    ? new ArchiveError(
        'ZIP_BAD_SIZE',
        `${entry.name} holds more than the ${bytes} bytes that the zip declares.`,
      )
    : new ArchiveError('ZIP_BOMB', `${entry.name} expands far beyond what an export does; it was stopped.`);
}

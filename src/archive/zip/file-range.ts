import type { FileHandle } from 'node:fs/promises';
import { ArchiveError } from '../types.ts';

/** Part of an open file that is looked at as if it were a file of its own. */
export interface FileRange {
  handle: FileHandle;
  start: number;
  bytes: number;
}

/** Reads exactly `length` bytes at `offset` of the range; the file has been measured before, so less means it shrank. */
export async function readAt(range: FileRange, offset: number, length: number): Promise<Buffer> {
  if (offset < 0 || length < 0 || offset + length > range.bytes) {
    throw new ArchiveError(
      'ZIP_INVALID',
      'The zip points outside of itself; it is damaged or was made to confuse.',
    );
  }
  const buffer = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await range.handle.read(buffer, done, length - done, range.start + offset + done);
    if (bytesRead === 0) throw new ArchiveError('ZIP_TRUNCATED', 'The zip became shorter while it was read.');
    done += bytesRead;
  }
  return buffer;
}

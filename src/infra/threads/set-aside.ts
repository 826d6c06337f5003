import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import type { ReadRange } from '../../archive/chatgpt/by-nodes.ts';
import { giveBack } from '../../own-memory.ts';

/** Bytes that are on the disk until `close`. */
export interface SetAsideBytes {
  read: ReadRange;
  close(): void;
}

/**
 * Moves bytes from memory to a file beside `path`, and gives their memory back. The file has no name any more once it is open,
 * so that nothing of it is left, however its process ends. Throws when the disk does not take it, and `bytes` stay.
 */
export function setBytesAside(path: string, bytes: Uint8Array): SetAsideBytes {
  const name = `${path}.${randomUUID()}`;
  const file = openSync(name, 'wx+', 0o600);
  const close = () => closeSync(file);
  try {
    rmSync(name);
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
  } catch (error) {
    close();
    throw error;
  }
  giveBack(bytes);
  return {
    read(from, to) {
      const part = Buffer.allocUnsafe(to - from);
      for (let at = 0; at < part.length; ) {
        const count = readSync(file, part, at, part.length - at, from + at);
        if (count === 0) throw new Error('Bytes that were set aside are gone.');
        at += count;
      }
      return part;
    },
    close,
  };
}

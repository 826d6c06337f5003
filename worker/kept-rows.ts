import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import type { NewRows } from '../src/domain/import/rows.ts';
import { giveBack } from '../src/own-memory.ts';

/** What stays in memory: the rows of some 12 MB of an export. */
const MAX_BYTES_IN_MEMORY = 4 * 1024 * 1024;

/** Where a batch's pieces stand in the file, one behind the other: the ids in one, the conversations, the messages. */
interface Stored extends Pick<NewRows, 'bytes' | 'transactionId'> {
  position: number;
  ids: number;
  conversations: number[];
  messages: number[];
}

/** Rows that wait to be indexed, in the order in which they came. */
export interface KeptRows {
  /** Takes the rows over: for the caller they are gone. Throws when the disk takes no more. */
  push(rows: NewRows): Promise<void>;
  shift(): Promise<NewRows | null>;
  isEmpty(): boolean;
  /** Gives the disk back what it took, and with it the rows there. */
  forgetFile(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Keeps a few in memory and the others in a file beside `path`, from where they come cheaper than from the database. The file
 * has no name any more once it is open, so that nothing of it is left, however its process ends.
 */
export function keepRows(path: string): KeptRows {
  const inMemory: NewRows[] = [];
  const inFile: Stored[] = [];
  let bytesInMemory = 0;
  let file: Promise<FileHandle> | null = null;
  let end = 0;

  async function store({ ids, conversations, messages, ...rows }: NewRows): Promise<void> {
    file ??= openNameless(path);
    const handle = await file;
    const idBytes = Buffer.from(ids.join());
    const pieces = [idBytes, ...conversations, ...messages];
    const position = end;
    const bytes = sum(lengths(pieces));
    end += bytes;
    const { bytesWritten } = await handle.writev(pieces, position);
    if (bytesWritten < bytes) throw new Error(`The disk took ${bytesWritten} of ${bytes} bytes.`);
    inFile.push({
      ...rows,
      position,
      ids: idBytes.length,
      conversations: lengths(conversations),
      messages: lengths(messages),
    });
    giveBack(...conversations, ...messages);
  }

  async function load(handle: FileHandle, { position, ...stored }: Stored): Promise<NewRows> {
    // Each of its own, so that it can become another thread's.
    const room = (sizes: number[]) => sizes.map((size) => new Uint8Array(size));
    const ids = Buffer.alloc(stored.ids);
    const conversations = room(stored.conversations);
    const messages = room(stored.messages);
    const pieces = [ids, ...conversations, ...messages];
    const { bytesRead } = await handle.readv(pieces, position);
    if (bytesRead < sum(lengths(pieces))) throw new Error('Kept rows are gone.');
    return { ...stored, ids: ids.toString().split(','), conversations, messages };
  }

  async function forgetFile(): Promise<void> {
    inFile.length = 0;
    end = 0;
    const handle = await file?.catch(() => null);
    file = null;
    await handle?.close();
  }

  return {
    async push(rows) {
      if (inFile.length > 0 || bytesInMemory + rows.bytes > MAX_BYTES_IN_MEMORY) return store(rows);
      inMemory.push(rows);
      bytesInMemory += rows.bytes;
    },
    async shift() {
      const rows = inMemory.shift();
      if (rows) {
        bytesInMemory -= rows.bytes;
        return rows;
      }
      const stored = inFile.shift();
      return stored && file ? load(await file, stored) : null;
    },
    isEmpty: () => inMemory.length + inFile.length === 0,
    forgetFile,
    async close() {
      inMemory.length = 0;
      await forgetFile();
    },
  };
}

const lengths = (pieces: Uint8Array[]): number[] => pieces.map((piece) => piece.length);
const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);

/** Opened under a name that nobody else has. */
async function openNameless(path: string): Promise<FileHandle> {
  const name = `${path}.${randomUUID()}`;
  const handle = await open(name, 'wx+', 0o600);
  try {
    await rm(name);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

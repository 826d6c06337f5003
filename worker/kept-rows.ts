import { type FileHandle, open, rm } from 'node:fs/promises';
import type { NewRows } from '../src/domain/import/rows.ts';

/** What stays in memory: the rows of some 12 MB of an export. */
const MAX_BYTES_IN_MEMORY = 4 * 1024 * 1024;

/** Where a batch's pieces stand in the file, one behind the other. */
interface Stored extends Omit<NewRows, 'conversations' | 'messages'> {
  position: number;
  conversations: number[];
  messages: number[];
}

/** Rows that wait to be indexed, in the order in which they came. */
export interface KeptRows {
  /** Throws when the disk takes no more. */
  push(rows: NewRows): Promise<void>;
  shift(): Promise<NewRows | null>;
  isEmpty(): boolean;
  close(): Promise<void>;
}

/**
 * Keeps a few in memory and the others in a file at `path`, from where they come cheaper than from the database. The file has
 * no name any more once it is open, so that nothing of it is left, however its process ends.
 */
export function keepRows(path: string): KeptRows {
  const inMemory: NewRows[] = [];
  const inFile: Stored[] = [];
  let bytesInMemory = 0;
  let file: Promise<FileHandle> | null = null;
  let end = 0;

  async function store({ conversations, messages, ...rows }: NewRows): Promise<void> {
    file ??= openNameless(path);
    const handle = await file;
    const pieces = [...conversations, ...messages];
    const position = end;
    const bytes = sum(lengths(pieces));
    end += bytes;
    const { bytesWritten } = await handle.writev(pieces, position);
    if (bytesWritten < bytes) throw new Error(`The disk took ${bytesWritten} of ${bytes} bytes.`);
    inFile.push({
      ...rows,
      position,
      conversations: lengths(conversations),
      messages: lengths(messages),
    });
  }

  async function load(handle: FileHandle, stored: Stored): Promise<NewRows> {
    const { position, ...rows } = stored;
    // Each of its own, so that it can become another thread's.
    const room = (lengths: number[]) => lengths.map((length) => new Uint8Array(length));
    const conversations = room(rows.conversations);
    const messages = room(rows.messages);
    const { bytesRead } = await handle.readv([...conversations, ...messages], position);
    if (bytesRead < sum([...rows.conversations, ...rows.messages])) throw new Error('Kept rows are gone.');
    return { ...rows, conversations, messages };
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
    async close() {
      inMemory.length = 0;
      inFile.length = 0;
      const handle = await file?.catch(() => null);
      file = null;
      await handle?.close();
    },
  };
}

const lengths = (pieces: Uint8Array[]): number[] => pieces.map((piece) => piece.length);
const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);

async function openNameless(path: string): Promise<FileHandle> {
  const handle = await open(path, 'w+', 0o600);
  await rm(path);
  return handle;
}

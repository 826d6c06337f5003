/**
 * The one door to zip files, and the only user of a zip library. A zip is always read through its table at the end:
 * the entries themselves may carry no sizes, so that reading from the front can only guess where they end.
 */
import { type FileHandle, open } from 'node:fs/promises';
import {
  type ByteRange,
  type Container,
  type ContainerLimits,
  defaultMaxEntries,
  defaultMaxRatio,
  ratioFloorBytes,
} from './container.ts';
import type { ArchiveWarning } from './types.ts';
import { ArchiveError } from './types.ts';
import { locateTable } from './zip/end-record.ts';
import { type FileRange, readAt } from './zip/file-range.ts';
import { locateData, readEntry, unreadable } from './zip/read-entry.ts';
import { readTable, STORED, type ZipEntry } from './zip/table.ts';

export type { ZipEntry } from './zip/table.ts';

export type ZipLimits = ContainerLimits;

export interface ZipFile extends Container {
  entries: ZipEntry[];
  warnings: ArchiveWarning[];
  read(entry: ZipEntry, signal?: AbortSignal): AsyncGenerator<Buffer>;
  refusal(entry: ZipEntry): ArchiveError | null;
  locate(entry: ZipEntry): Promise<ByteRange | null>;
  close(): Promise<void>;
}

/** A hundred thousand entries; reading a table takes seven times its size. */
const MAX_TABLE_BYTES = 32 * 1024 * 1024;

/**
 * Opens a zip and checks its table. Throws an ArchiveError: NOT_A_ZIP, ZIP_TRUNCATED, ZIP_NOT_64_BIT, ZIP_INVALID,
 * ZIP_OVERLAP, ZIP_TOO_LARGE or ZIP_BOMB. Encrypted or oddly packed entries are listed, and fail when they are read.
 */
export async function openZip(path: string, limits: ZipLimits): Promise<ZipFile> {
  const handle = await open(path, 'r');
  return closeOnError(handle, async () =>
    openRange(path, { handle, start: 0, bytes: (await handle.stat()).size }, limits),
  );
}

/** Opens a zip that lies, stored as it is, inside another file. */
export async function openZipAt(within: ByteRange, limits: ZipLimits): Promise<ZipFile> {
  const { path } = within;
  const handle = await open(path, 'r');
  return closeOnError(handle, () =>
    openRange(path, { handle, start: within.offset, bytes: within.length }, limits),
  );
}

async function closeOnError<T>(handle: FileHandle, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openRange(path: string, range: FileRange, limits: ZipLimits): Promise<ZipFile> {
  const location = await locateTable(range);
  if (location.tableBytes > MAX_TABLE_BYTES) {
    throw new ArchiveError(
      'ZIP_TOO_LARGE',
      `The names in the zip take ${location.tableBytes} bytes; at most ${MAX_TABLE_BYTES} are accepted.`,
    );
  }
  const { entries, warnings } = await readTable(
    await readAt(range, location.tableOffset, location.tableBytes),
    location,
    limits.maxEntries ?? defaultMaxEntries,
  );
  checkTotals(entries, range.bytes, limits);
  if (location.prefixBytes > 0) {
    warnings.push({ code: 'ZIP_PREFIX', reason: `Skipped ${location.prefixBytes} bytes before the zip.` });
  }
  return {
    entries,
    warnings,
    read: (entry, signal) => readEntry(range, entry, { maxRatio: limits.maxRatio, signal }),
    refusal: unreadable,
    async locate(entry) {
      if (entry.method !== STORED || unreadable(entry) !== null) return null;
      const start = await locateData(range, entry);
      return { path, offset: range.start + start, length: entry.compressedBytes };
    },
    close: () => range.handle.close(),
  };
}

function checkTotals(entries: ZipEntry[], fileBytes: number, limits: ZipLimits): void {
  const total = entries.reduce((sum, entry) => sum + entry.expandedBytes, 0);
  if (total > limits.maxExpandedBytes) {
    throw new ArchiveError(
      'ZIP_TOO_LARGE',
      `The zip expands to ${total} bytes, more than the ${limits.maxExpandedBytes} that MAX_EXPANDED_BYTES allows.`,
    );
  }
  if (total > ratioFloorBytes && total > fileBytes * (limits.maxRatio ?? defaultMaxRatio)) {
    throw new ArchiveError('ZIP_BOMB', 'The zip expands far beyond what an export does; it was refused.');
  }
}

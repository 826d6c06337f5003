import type { ArchiveError, ArchiveWarning } from './types.ts';

/** One file of an export. */
export interface ContainerEntry {
  /** With `/` between folders; never absolute and without `..`. */
  name: string;
  /** The part after the last `/`. */
  baseName: string;
  expandedBytes: number;
}

/** What an export comes in: a zip, or a folder into which one was unpacked. */
export interface Container {
  entries: ContainerEntry[];
  /** Entries that were refused, and oddities that were mended. */
  warnings: ArchiveWarning[];
  /**
   * The bytes of an entry. Throws an ArchiveError in the middle when they cannot go on, and after the last good byte
   * when they are not what the container promised.
   */
  read(entry: ContainerEntry, signal?: AbortSignal): AsyncIterable<Buffer>;
  /** Why an entry can never be read, or null. */
  refusal(entry: ContainerEntry): ArchiveError | null;
  /** Where an entry's bytes lie as they are; null when they are packed. */
  locate(entry: ContainerEntry): Promise<ByteRange | null>;
  close(): Promise<void>;
}

/** Part of a file, in bytes. */
export interface ByteRange {
  path: string;
  offset: number;
  length: number;
}

export interface ContainerLimits {
  /** All entries together, as declared; a single one can never give more than it declared. */
  maxExpandedBytes: number;
  /** Default 200,000. */
  maxEntries?: number;
  /** Expanded to packed bytes, once 64 MiB are expanded; default 300. DEFLATE ends at 1,032, real exports stay under 30. */
  maxRatio?: number;
}

export const defaultMaxEntries = 200_000;
export const defaultMaxRatio = 300;
/** Below this a great ratio is harmless. */
export const ratioFloorBytes = 64 * 1024 * 1024;

/** Collects a whole entry; throws `tooLarge` past `maxBytes`. */
export async function readWhole(
  container: Container,
  entry: ContainerEntry,
  maxBytes: number,
  tooLarge: () => Error,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of container.read(entry)) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The first bytes of an entry, at most `maxBytes`. */
export async function readStart(
  container: Container,
  entry: ContainerEntry,
  maxBytes: number,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of container.read(entry)) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= maxBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, maxBytes);
}

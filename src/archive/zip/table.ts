import { Open } from 'unzipper';
import { baseNameOf, refusalCode } from '../entry-names.ts';
import type { ArchiveWarning } from '../types.ts';
import { ArchiveError } from '../types.ts';
import { TABLE_HEADER_BYTES, TABLE_HEADER_SIGNATURE, type TableLocation } from './end-record.ts';
import { refuseName } from './names.ts';

export const STORED = 0;
export const DEFLATED = 8;
const LOCAL_HEADER_BYTES = 30;

/** A file in a zip; folders are left out. */
export interface ZipEntry {
  name: string;
  baseName: string;
  compressedBytes: number;
  expandedBytes: number;
  /** 0 is stored, 8 is deflated; anything else cannot be read. */
  method: number;
  encrypted: boolean;
  crc32: number;
  /** Of its local header, from the start of the range. */
  headerOffset: number;
}

interface TableRow {
  versionMadeBy: number;
  flags: number;
  compressionMethod: number;
  crc32: number;
  compressedSize: number;
  uncompressedSize: number;
  externalFileAttributes: number;
  offsetToLocalFileHeader: number;
  pathBuffer: Buffer | string;
}

/**
 * Reads the entries of a located table. Throws ZIP_INVALID for a table that does not hold together, ZIP_TOO_LARGE for one
 * of more than `maxEntries`, and ZIP_OVERLAP when two entries share bytes; a single bad name only loses its entry.
 */
export async function readTable(
  table: Buffer,
  location: TableLocation,
  maxEntries: number,
): Promise<{ entries: ZipEntry[]; warnings: ArchiveWarning[] }> {
  const { entryCount, endOffset } = walkHeaders(table, location.entryCount);
  if (entryCount > maxEntries) {
    throw new ArchiveError(
      'ZIP_TOO_LARGE',
      `The zip lists ${entryCount} entries; at most ${maxEntries} are accepted.`,
    );
  }
  const rows = await readRows(table.subarray(0, endOffset), entryCount);
  checkRanges(rows, location.tableOffset - location.prefixBytes);

  const warnings: ArchiveWarning[] = [];
  if (endOffset < table.length && !isSignature(table.subarray(endOffset))) {
    warnings.push({
      code: 'ZIP_TABLE_REST',
      reason: `The list of entries in the zip goes on for ${table.length - endOffset} bytes that name none; files may be missing.`,
    });
  }
  const byName = new Map<string, ZipEntry>();
  for (const row of rows) {
    const name = decodeName(row);
    if (/[/\\]$/.test(name)) continue;
    const refusal = refuseName(name, row.externalFileAttributes);
    if (refusal !== null) {
      warnings.push({
        code: refusalCode(name),
        reason: `Left out ${JSON.stringify(name.slice(0, 200))}: ${refusal}.`,
      });
      continue;
    }
    const path = name.replaceAll('\\', '/');
    if (byName.has(path)) {
      warnings.push({
        code: 'ENTRY_DUPLICATE',
        reason: `${path} is in the zip more than once; the last one counts.`,
      });
    }
    byName.set(path, {
      name: path,
      baseName: baseNameOf(path),
      compressedBytes: row.compressedSize,
      expandedBytes: row.uncompressedSize,
      method: row.compressionMethod,
      encrypted: (row.flags & 1) === 1,
      crc32: row.crc32,
      headerOffset: row.offsetToLocalFileHeader + location.prefixBytes,
    });
  }
  return { entries: [...byName.values()], warnings };
}

/**
 * Walks the headers, so that whoever reads the table next cannot run out of bytes. There may be more than the end record
 * claims: writers without 64-bit fields let its 16 bits go round (APPNOTE 4.4.22 wants 0xffff and a ZIP64 record there).
 */
function walkHeaders(table: Buffer, claimedCount: number): { entryCount: number; endOffset: number } {
  let entryCount = 0;
  let offset = 0;
  while (isHeader(table, offset)) {
    entryCount += 1;
    offset +=
      TABLE_HEADER_BYTES +
      table.readUInt16LE(offset + 28) +
      table.readUInt16LE(offset + 30) +
      table.readUInt16LE(offset + 32);
  }
  if (entryCount < claimedCount || offset > table.length) throw damaged();
  return { entryCount, endOffset: offset };
}

/** A signature of the table, which may stand behind it: APPNOTE 4.3.13. */
const isSignature = (rest: Buffer): boolean =>
  rest.length >= 6 && rest.readUInt32LE(0) === 0x05054b50 && rest.length === 6 + rest.readUInt16LE(4);

const isHeader = (table: Buffer, offset: number): boolean =>
  offset + TABLE_HEADER_BYTES <= table.length && table.readUInt32LE(offset) === TABLE_HEADER_SIGNATURE;

/**
 * unzipper (0.12) reads the rows from a copy of the table that it cannot misread: given the file itself it takes the
 * first end signature in the tail, which may belong to a zip stored inside, ignores bytes before the zip, and allocates
 * by the claimed count. Its entry streams are not used: they check neither sizes nor CRC and inflate in 16 KiB steps.
 */
async function readRows(table: Buffer, entryCount: number): Promise<TableRow[]> {
  if (entryCount === 0) return [];
  try {
    const directory = await Open.buffer(Buffer.concat([table, endRecords(entryCount, table.length)]));
    return directory.files;
  } catch (error) {
    throw damaged(error);
  }
}

/** A 64-bit end record, its locator and the classic record, for a table at offset 0. */
function endRecords(entryCount: number, tableBytes: number): Buffer {
  const records = Buffer.alloc(56 + 20 + 22);
  records.writeUInt32LE(0x06064b50, 0);
  records.writeBigUInt64LE(44n, 4);
  records.writeBigUInt64LE(BigInt(entryCount), 24);
  records.writeBigUInt64LE(BigInt(entryCount), 32);
  records.writeBigUInt64LE(BigInt(tableBytes), 40);
  records.writeUInt32LE(0x07064b50, 56);
  records.writeBigUInt64LE(BigInt(tableBytes), 64);
  records.writeUInt32LE(1, 72);
  records.writeUInt32LE(0x06054b50, 76);
  records.fill(0xff, 84, 96);
  return records;
}

/** Each entry needs bytes of its own before the table: many rows on one local entry are the cheapest bomb. */
function checkRanges(rows: TableRow[], tableOffset: number): void {
  const sorted = rows.toSorted((a, b) => a.offsetToLocalFileHeader - b.offsetToLocalFileHeader);
  let free = 0;
  for (const row of sorted) {
    const sizes = [row.offsetToLocalFileHeader, row.compressedSize, row.uncompressedSize];
    if (!sizes.every((size) => Number.isSafeInteger(size) && size >= 0)) throw damaged();
    if (row.offsetToLocalFileHeader < free) {
      throw new ArchiveError(
        'ZIP_OVERLAP',
        'Entries of the zip share the same bytes; it was made to exhaust the reader.',
      );
    }
    free = row.offsetToLocalFileHeader + LOCAL_HEADER_BYTES + row.pathBuffer.length + row.compressedSize;
    if (free > tableOffset) throw damaged();
  }
}

/** UTF-8 where it is valid (many writers do not set its flag), else Latin-1, which loses nothing. */
function decodeName(row: TableRow): string {
  const bytes = Buffer.from(row.pathBuffer);
  const text = bytes.toString('utf8');
  return text.includes('\ufffd') ? bytes.toString('latin1') : text;
}

function damaged(cause?: unknown): ArchiveError {
  return new ArchiveError(
    'ZIP_INVALID',
    'The list of entries in the zip is damaged. Download the export again.',
    {
      cause,
    },
  );
}

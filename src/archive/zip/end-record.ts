import { ArchiveError } from '../types.ts';
import { type FileRange, readAt } from './file-range.ts';

// Layouts: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT sections 4.3.12 to 4.3.16.
const END_SIGNATURE = Buffer.from('PK\x05\x06', 'latin1');
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;
const ZIP64_LOCATOR_SIGNATURE = 0x07064b50;
const ZIP64_LOCATOR_BYTES = 20;
const ZIP64_END_SIGNATURE = 0x06064b50;
const ZIP64_END_BYTES = 56;
export const TABLE_HEADER_SIGNATURE = 0x02014b50;
export const TABLE_HEADER_BYTES = 46;
export const LOCAL_HEADER_SIGNATURE = 0x04034b50;

/** Where the table of entries lies, checked against the bytes that are there. */
export interface TableLocation {
  /** As claimed; the table may list more. */
  entryCount: number;
  /** From the start of the range. */
  tableOffset: number;
  tableBytes: number;
  /** Bytes before the zip proper (a self-extractor's program); every offset in the table counts from there. */
  prefixBytes: number;
}

interface EndClaims {
  entryCount: number;
  tableBytes: number;
  tableOffset: number;
  /** Where the end records begin, and so where the table must have ended. */
  endOffset: number;
}

/**
 * Finds the end-of-central-directory record. Throws NOT_A_ZIP, ZIP_TRUNCATED, ZIP_NOT_64_BIT or ZIP_INVALID; reads 64 KiB and does no
 * work that depends on what the record claims.
 */
export async function locateTable(range: FileRange): Promise<TableLocation> {
  const head = await readAt(range, 0, Math.min(range.bytes, 512));
  const tailBytes = Math.min(range.bytes, END_BYTES + MAX_COMMENT_BYTES);
  const tail = await readAt(range, range.bytes - tailBytes, tailBytes);
  const end = findEnd(tail);
  if (end < 0) throw missingEnd(head);

  const claims = await readClaims(range, tail.subarray(end), range.bytes - tailBytes + end);
  if (claims.entryCount * TABLE_HEADER_BYTES > claims.tableBytes || claims.tableBytes > claims.endOffset) {
    throw new ArchiveError(
      'ZIP_INVALID',
      'The zip claims more entries than its bytes can hold; it is damaged or was made to exhaust the reader.',
    );
  }
  const prefixBytes = claims.endOffset - claims.tableBytes - claims.tableOffset;
  if (prefixBytes < 0) throw truncated();
  if (prefixBytes > 0 && prefixBytes % 2 ** 32 === 0) throw wrapped();
  // A cut outer zip can end in the intact end record of a zip stored in it: what follows a real prefix is not a zip.
  if (prefixBytes > 0 && head.length >= 4 && head.readUInt32LE(0) === LOCAL_HEADER_SIGNATURE)
    throw truncated();
  return {
    entryCount: claims.entryCount,
    tableOffset: claims.tableOffset + prefixBytes,
    tableBytes: claims.tableBytes,
    prefixBytes,
  };
}

/** Prefers the record whose comment ends with the file; else takes the last one that fits (bytes were appended). */
function findEnd(tail: Buffer): number {
  let fallback = -1;
  for (
    let at = tail.lastIndexOf(END_SIGNATURE);
    at >= 0;
    at = at === 0 ? -1 : tail.lastIndexOf(END_SIGNATURE, at - 1)
  ) {
    if (at + END_BYTES > tail.length) continue;
    const end = at + END_BYTES + tail.readUInt16LE(at + 20);
    if (end === tail.length) return at;
    if (end < tail.length && fallback < 0) fallback = at;
  }
  return fallback;
}

async function readClaims(range: FileRange, end: Buffer, endOffset: number): Promise<EndClaims> {
  const claims: EndClaims = {
    entryCount: end.readUInt16LE(10),
    tableBytes: end.readUInt32LE(12),
    tableOffset: end.readUInt32LE(16),
    endOffset,
  };
  const full =
    claims.entryCount === 0xffff || claims.tableBytes === 0xffffffff || claims.tableOffset === 0xffffffff;
  if (full && endOffset >= ZIP64_LOCATOR_BYTES) {
    const locatorOffset = endOffset - ZIP64_LOCATOR_BYTES;
    const locator = await readAt(range, locatorOffset, ZIP64_LOCATOR_BYTES);
    if (locator.readUInt32LE(0) === ZIP64_LOCATOR_SIGNATURE) return readZip64(range, locator, locatorOffset);
  }
  if (end.readUInt16LE(4) !== 0 || end.readUInt16LE(6) !== 0) throw split();
  return claims;
}

async function readZip64(range: FileRange, locator: Buffer, locatorOffset: number): Promise<EndClaims> {
  const declared = asLength(locator.readBigUInt64LE(8));
  // With bytes before the zip the declared place is wrong, but the record still stands right before its locator.
  for (const offset of [declared, locatorOffset - ZIP64_END_BYTES]) {
    if (offset < 0 || offset + ZIP64_END_BYTES > locatorOffset) continue;
    const record = await readAt(range, offset, ZIP64_END_BYTES);
    if (record.readUInt32LE(0) !== ZIP64_END_SIGNATURE) continue;
    if (record.readUInt32LE(16) !== 0 || record.readUInt32LE(20) !== 0) throw split();
    return {
      entryCount: asLength(record.readBigUInt64LE(32)),
      tableBytes: asLength(record.readBigUInt64LE(40)),
      tableOffset: asLength(record.readBigUInt64LE(48)),
      endOffset: offset,
    };
  }
  throw new ArchiveError('ZIP_INVALID', 'The end of the zip names a 64-bit record that is not there.');
}

function asLength(value: bigint): number {
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value);
}

function missingEnd(head: Buffer): ArchiveError {
  if (head.length === 0)
    return new ArchiveError('NOT_A_ZIP', 'The file is empty. Download the export again.');
  if (head.length >= 4 && head.readUInt32LE(0) === LOCAL_HEADER_SIGNATURE) return truncated();
  const text = head.toString('latin1').trimStart().toLowerCase();
  if (text.startsWith('<')) {
    return new ArchiveError(
      'NOT_A_ZIP',
      'The file is a web page, not a zip. The export link has probably expired (it lives 24 hours) and the error page was saved instead: request a new export.',
    );
  }
  if (/^(?:\xef\xbb\xbf)?\s*[[{]/.test(text)) {
    return new ArchiveError(
      'NOT_A_ZIP',
      'The file is JSON, not a zip. If it is the conversations.json of an export, put it into a zip under that name, and import the zip.',
    );
  }
  return new ArchiveError(
    'NOT_A_ZIP',
    'The file is not a zip. If it came from an export link, the link may have expired and a page been saved instead: request a new export.',
  );
}

function truncated(): ArchiveError {
  return new ArchiveError(
    'ZIP_TRUNCATED',
    'The zip is incomplete: its end is missing. Download the export again.',
  );
}

/** The offset of the table went round: some packers, such as older ones of macOS, write no ZIP64 records. */
function wrapped(): ArchiveError {
  return new ArchiveError(
    'ZIP_NOT_64_BIT',
    'The program that packed the zip cannot do more than 4 GiB. Unpack it, and pack the files with another program, such as 7-Zip.',
  );
}

function split(): ArchiveError {
  return new ArchiveError('ZIP_INVALID', 'The zip is one volume of several. Join them into one file first.');
}

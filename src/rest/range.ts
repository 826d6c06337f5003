import type { IncomingHttpHeaders } from 'node:http';

/** Of bytes, from 0 and with the last. */
export interface ByteRange {
  start: number;
  end: number;
}

/**
 * The part of a file that is asked for (RFC 9110, section 14.2): undefined for all of it, which is also the answer to
 * more than one range and to what is none, `outside` when no byte of the file is within. Written here because the library
 * range-parser takes a range that is invalid, or of another unit, for one outside, and the last 500 of 400 bytes, too.
 */
export function rangeOf(
  sizeBytes: number,
  { range = '', 'if-range': ifRange }: IncomingHttpHeaders,
  etag: string,
): ByteRange | 'outside' | undefined {
  // Only a strong tag promises the same bytes (section 13.1.5), and files have no time.
  if (ifRange !== undefined && ifRange !== etag) return undefined;
  const [, first = '', last = ''] = /^bytes=\s*(\d*)-(\d*)\s*$/.exec(range) ?? [];
  if (first === '' && last === '') return undefined;
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  const start = first === '' ? Math.max(sizeBytes - Number(last), 0) : Number(first);
  const end = first === '' || last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  return start > end ? 'outside' : { start, end };
}

import { lend } from '../../own-memory.ts';
import { ArchiveError } from '../types.ts';
import { CLOSE, COMMA, meaningOf, OPEN, OTHER, outsideMeaningOf, QUOTE, SPACE } from './meanings.ts';
import { endOfString, nearEndOfString } from './strings.ts';

/** The exact bytes of one element, which its reader gives back (src/own-memory.ts), or why they were not kept. */
export type Slice = {
  /** 0-based. */
  element: number;
  /** How many bytes of the source end with this element; for progress. */
  endByte: number;
} & ({ bytes: Buffer; error?: undefined } | { bytes?: undefined; error: ArchiveError });

export interface SliceOptions {
  /** A larger element is reported and skipped; default 64 MiB. */
  maxElementBytes?: number;
  /** Brackets within brackets; default 1,000. Real conversations need about 30. */
  maxDepth?: number;
  /** Commas and opening brackets, which bound the memory that the parsed element takes; default 5 million. */
  maxValues?: number;
  /** Elements before this one are passed over. */
  fromElement?: number;
  /**
   * Whether nobody else looks at the chunks: elements that lie in one are then parts of it where they are a fair part of its
   * memory, and what was read is given back. The others are copied to memory of their own.
   */
  ownsChunks?: boolean;
  /** Whether the reader keeps few of the elements: then each has memory of its own, for one would hold a whole chunk. */
  keepsFew?: boolean;
}

export interface Slicer {
  /** The elements that end in this chunk. */
  write(chunk: Buffer): Slice[];
  /** Set as soon as nothing more can be understood. */
  failure(): ArchiveError | null;
  /** Throws JSON_TRUNCATED when the source may not end here. */
  end(): void;
}

/** Elements of a chunk that are less of its buffer are copied: each that is lent holds all of it. */
const FAIR_SHARE = 1 / 4;

const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const WRAPPER_KEY = 'conversations';
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/**
 * `top`: around values. `list`: in the array, between elements. `value`: in an element with brackets or quotes.
 * `scalar`: in a number or word. `rest`: in a wrapper object, behind its array.
 */
type Place = 'top' | 'list' | 'value' | 'scalar' | 'rest';

export function createSlicer(options: SliceOptions): Slicer {
  const maxBytes = options.maxElementBytes ?? 64 * 1024 * 1024;
  const maxDepth = options.maxDepth ?? 1000;
  const maxValues = options.maxValues ?? 5_000_000;
  const fromElement = options.fromElement ?? 0;
  const lends = options.ownsChunks && !options.keepsFew;

  let place: Place = 'top';
  let failure: ArchiveError | null = null;
  let position = 0;
  let topValues = 0;
  let element = 0;
  let inWrapper = false;

  // The element so far; the buffer doubles as it fills, and what of it was never written takes no memory.
  let room: Buffer<ArrayBuffer> | null = null;
  let length = 0;
  let problem: ArchiveError | null = null;
  let depth = 0;
  let values = 0;
  const string = { open: false, escaped: false };

  // While the element is a top-level object: the last string at its first level, to notice a wrapper's key.
  let isTop = false;
  let key = '';

  let found: Slice[] = [];

  function begin(at: 'value' | 'scalar', top: boolean): void {
    place = at;
    isTop = top;
    key = '';
    depth = 0;
    values = 0;
    problem = null;
    forget();
    length = 0;
  }

  function append(chunk: Buffer, start: number, end: number): void {
    const before = length - (end - start);
    if (room === null || room.length < length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * before));
      room?.copy(larger, 0, 0, before);
      forget();
      room = larger;
    }
    chunk.copy(room, before, start, end);
  }

  /** Gives the memory back at once. */
  function forget(): void {
    room?.buffer.transfer(0);
    room = null;
  }

  /** Counts more bytes of the element; answers whether they are wanted. */
  function count(bytes: number): boolean {
    length += bytes;
    if (problem === null && length > maxBytes) {
      problem = new ArchiveError('ELEMENT_TOO_LARGE', `It is larger than ${maxBytes} bytes.`);
    }
    if (problem === null && values > maxValues) {
      problem = new ArchiveError('ELEMENT_TOO_LARGE', `It holds more than ${maxValues} values.`);
    }
    return problem === null && element >= fromElement;
  }

  function keep(chunk: Buffer, start: number, end: number): void {
    if (count(end - start)) append(chunk, start, end);
    else forget();
  }

  function finish(chunk: Buffer, start: number, end: number): void {
    const endByte = position + end;
    if (lends && length === 0) {
      if (count(end - start)) found.push({ element, endByte, bytes: chunk.subarray(start, end) });
    } else {
      keep(chunk, start, end);
      if (room !== null) found.push({ element, endByte, bytes: room.subarray(0, length) });
    }
    if (problem !== null && element >= fromElement) found.push({ element, endByte, error: problem });
    element += 1;
    room = null;
    place = isTop ? 'top' : 'list';
  }

  /** Lends what was found in a chunk, or copies it where it would hold much more memory than it takes. */
  function takeOut(chunk: Buffer): void {
    const parts = found.filter(({ bytes }) => bytes?.buffer === chunk.buffer);
    const taken = parts.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0);
    const isFair = taken >= chunk.buffer.byteLength * FAIR_SHARE;
    for (const part of parts) if (part.bytes) part.bytes = isFair ? lend(part.bytes) : copied(part.bytes);
  }

  /** Scans to the end of the element or of the chunk; answers where, and `depth` and `string` say which. */
  function scan(chunk: Buffer, from: number): number {
    const end = chunk.length;
    let at = from;
    let level = depth;
    let count = values;
    while (at < end) {
      if (string.open) {
        const start = at;
        at = endOfString(chunk, at, string);
        if (isTop && level === 1 && key.length <= WRAPPER_KEY.length) {
          key += chunk.toString('latin1', start, Math.min(at, start + WRAPPER_KEY.length + 1));
        }
        if (!string.open && level === 0) break;
        continue;
      }
      const meaning = meaningOf[chunk[at] as number];
      at += 1;
      if (meaning === OTHER) continue;
      if (meaning === QUOTE) {
        // Most strings are short, and only those at the outer levels need more than their end.
        const near = isTop || level === 0 ? 0 : nearEndOfString(chunk, at);
        if (near > 0) {
          at = near;
          continue;
        }
        string.open = true;
        key = '';
      } else if (meaning === OPEN) {
        level += 1;
        count += 1;
        if (level > maxDepth)
          problem ??= new ArchiveError('ELEMENT_TOO_DEEP', `It nests deeper than ${maxDepth} levels.`);
        if (isTop && level === 2 && key === `${WRAPPER_KEY}"` && chunk[at - 1] === OPEN_ARRAY) {
          inWrapper = true;
          place = 'list';
          break;
        }
      } else if (meaning === CLOSE) {
        level -= 1;
        if (level === 0) break;
      } else {
        count += 1;
        key = '';
      }
    }
    depth = level;
    values = count;
    return at;
  }

  function scanScalar(chunk: Buffer, from: number): number {
    let at = from;
    while (at < chunk.length) {
      const byte = chunk[at] as number;
      const meaning = outsideMeaningOf[byte];
      if (meaning === COMMA || meaning === SPACE || byte === CLOSE_ARRAY) break;
      at += 1;
    }
    return at;
  }

  function stepOutside(byte: number, offset: number): boolean {
    const meaning = outsideMeaningOf[byte];
    if (meaning === SPACE) return true;
    if (place === 'top') {
      if (offset < BYTE_ORDER_MARK.length && byte === BYTE_ORDER_MARK[offset]) return true;
      if (byte === OPEN_ARRAY) {
        topValues += 1;
        place = 'list';
        return true;
      }
      if (byte === OPEN_OBJECT) {
        topValues += 1;
        begin('value', true);
        return false;
      }
      failure = new ArchiveError('JSON_INVALID', 'The file of conversations is not a JSON array.');
      return true;
    }
    if (meaning === COMMA) return true;
    if (byte === CLOSE_ARRAY) {
      place = inWrapper ? 'rest' : 'top';
      inWrapper = false;
      isTop = false;
      depth = 1;
      return true;
    }
    begin(meaning === OPEN || meaning === QUOTE ? 'value' : 'scalar', false);
    return false;
  }

  function checkEncoding(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && position + at < 4; at += 1) {
      const byte = chunk[at];
      if (byte === 0 || byte === 0xff || byte === 0xfe) {
        failure = new ArchiveError(
          'JSON_UTF16',
          'The file of conversations is not UTF-8. Save it as UTF-8 again.',
        );
      }
    }
  }

  return {
    write(chunk) {
      found = [];
      if (position < 4) checkEncoding(chunk);
      let at = 0;
      let start = 0;
      while (at < chunk.length && failure === null) {
        if (place === 'value' || place === 'scalar') {
          const scalar = place === 'scalar';
          at = scalar ? scanScalar(chunk, at) : scan(chunk, at);
          const done = scalar ? at < chunk.length : depth === 0 && !string.open;
          if (done) finish(chunk, start, at);
        } else if (place === 'rest') {
          at = scan(chunk, at);
          if (depth === 0) place = 'top';
        } else {
          start = at;
          if (stepOutside(chunk[at] as number, position + at)) at += 1;
        }
      }
      if (place === 'value' || place === 'scalar') keep(chunk, start, chunk.length);
      if (lends) takeOut(chunk);
      position += chunk.length;
      return found;
    },
    failure: () => failure,
    end() {
      if (place === 'top' && topValues > 0) return;
      throw new ArchiveError(
        'JSON_TRUNCATED',
        `The file of conversations ends early, after ${element} whole conversations. Download the export again.`,
      );
    },
  };
}

function copied(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

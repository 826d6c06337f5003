import { createHash } from 'node:crypto';

/** One file of a zip that is being made. Its content is read once, to the end, before the next one is asked for. */
export interface ExportEntry {
  path: string;
  content: AsyncIterable<Uint8Array>;
  /** False for what is compressed already. */
  compress: boolean;
}

/** What a zip says of each of its files. */
export interface WrittenEntry {
  path: string;
  bytes: number;
  /** Hexadecimal. */
  sha256: string;
}

const PIECE_CHARACTERS = 64 * 1024;

/** Text as bytes, in pieces of some size however small those of the source are. */
export async function* encodeText(source: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  let waiting = '';
  for await (const text of source) {
    waiting += text;
    if (waiting.length < PIECE_CHARACTERS) continue;
    yield Buffer.from(waiting);
    waiting = '';
  }
  if (waiting !== '') yield Buffer.from(waiting);
}

/** Makes entries that note their size and hash in `written` once they were read. */
export function createEntries(written: WrittenEntry[]) {
  const entry = (path: string, content: AsyncIterable<Uint8Array>, compress = true): ExportEntry => ({
    path,
    compress,
    content: noting(path, content, written),
  });
  return {
    bytes: entry,
    text: (path: string, source: AsyncIterable<string>) => entry(path, encodeText(source)),
    json: (path: string, value: unknown) => entry(path, encodeText(just(`${toJson(value, 2)}\n`))),
    /** A JSON value in each line. */
    lines: (path: string, rows: AsyncIterable<unknown>) => entry(path, encodeText(linesOf(rows))),
  };
}

async function* noting(
  path: string,
  content: AsyncIterable<Uint8Array>,
  written: WrittenEntry[],
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of content) {
    hash.update(chunk);
    bytes += chunk.length;
    yield chunk;
  }
  written.push({ path, bytes, sha256: hash.digest('hex') });
}

async function* just(text: string): AsyncGenerator<string> {
  yield text;
}

async function* linesOf(rows: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const row of rows) yield `${toJson(row)}\n`;
}

/** As JSON: dates in ISO 8601, bytes in hexadecimal, large integers as numbers. */
export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_key, each) => {
      if (typeof each === 'bigint') return Number(each);
      return each instanceof Uint8Array ? Buffer.from(each).toString('hex') : each;
    },
    indent,
  );
}

/** A name that every file system takes: no separators, no control characters, not too long, no dots at its ends. */
export function safeFileName(name: string, maxCharacters = 80): string {
  const safe = name
    .normalize('NFC')
    .replaceAll(/[\p{C}<>:"/\\|?*]+/gu, ' ')
    .replaceAll(/\s+/g, ' ');
  const short = [...safe].slice(0, maxCharacters).join('');
  return short.replaceAll(/^[. ]+|[. ]+$/g, '');
}

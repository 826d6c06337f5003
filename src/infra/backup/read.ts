import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type Extract, extract } from 'tar-stream';
import {
  BackupError,
  type BackupHead,
  type BackupSummary,
  HEAD_ENTRY,
  parseHead,
  parseSummary,
  SUMMARY_ENTRY,
} from '../../domain/backup.ts';

/** A part of a backup, in the order of the file: the head, pieces of tables, contents, those that are missing, the summary. */
export type BackupPart =
  | { kind: 'head'; head: BackupHead }
  /** A Zstandard frame of a table's COPY text. */
  | { kind: 'piece'; table: string; compressed: Buffer }
  /** Must be read to its end before the next part is asked for; throws there when it is not what its name says. */
  | { kind: 'file'; userId: string; sha256: Buffer; content: AsyncIterable<Buffer> }
  | { kind: 'missing'; userId: string; sha256: Buffer }
  | { kind: 'summary'; summary: BackupSummary };

type Entry = Extract extends AsyncIterable<infer Source> ? Source : never;

const MAX_RECORD_BYTES = 16 * 1024 * 1024;
const PIECE = /^tables\/([a-z_][a-z0-9_]*)\/\d+\.copy\.zst$/;
const CONTENT = /^(files|missing)\/([0-9a-f-]{36})\/([0-9a-f]{64})$/;

/**
 * Reads a backup and holds everything against its hashes and counts: the summary comes only when all of it is right.
 * Throws a BackupError that says what is wrong with the file, and when the signal aborts.
 */
export async function* readBackup(path: string, signal?: AbortSignal): AsyncGenerator<BackupPart> {
  const tar = extract();
  pipeline(createReadStream(path, { signal }), tar, () => undefined);
  const tally = createTally();
  try {
    for await (const entry of tar) {
      if (tally.isOver()) throw new BackupError('The backup is damaged: something follows its summary.');
      const part = await partOf(entry, tally.isBegun());
      tally.count(part);
      yield part.kind === 'file' ? { ...part, content: tally.checked(part) } : part;
    }
  } catch (error) {
    throw asBackupError(error, tally.isBegun());
  } finally {
    tar.destroy();
  }
  if (!tally.isBegun()) throw new BackupError('The file is no backup of Sidecar.');
  if (!tally.isOver()) throw new BackupError('The backup is cut short: its end is missing.');
}

/** Reads a backup through without using it. Throws a BackupError; `onHead` may, too. */
export async function verifyBackup(
  path: string,
  onHead: (head: BackupHead) => void,
  signal?: AbortSignal,
): Promise<BackupHead> {
  let head: BackupHead | null = null;
  for await (const part of readBackup(path, signal)) {
    if (part.kind === 'head') {
      head = part.head;
      onHead(head);
    }
    if (part.kind === 'file') for await (const _chunk of part.content);
  }
  if (!head) throw new BackupError('The file is no backup of Sidecar.');
  return head;
}

async function partOf(entry: Entry, isBegun: boolean): Promise<BackupPart> {
  const { name, size = 0 } = entry.header;
  const whole = async () => {
    if (size > MAX_RECORD_BYTES) throw new BackupError(`The backup is damaged: ${name} is too large.`);
    return await buffer(entry);
  };
  if (!isBegun) {
    if (name !== HEAD_ENTRY) throw new BackupError('The file is no backup of Sidecar.');
    return { kind: 'head', head: parseHead((await whole()).toString()) };
  }
  if (name === SUMMARY_ENTRY) return { kind: 'summary', summary: parseSummary((await whole()).toString()) };
  const [, table] = PIECE.exec(name) ?? [];
  if (table) return { kind: 'piece', table, compressed: await whole() };
  const [, folder, userId = '', hex = ''] = CONTENT.exec(name) ?? [];
  const sha256 = Buffer.from(hex, 'hex');
  if (folder === 'files') return { kind: 'file', userId, sha256, content: entry as AsyncIterable<Buffer> };
  if (folder !== 'missing')
    throw new BackupError(`The backup is damaged: it holds an entry of no known kind.`);
  await whole();
  return { kind: 'missing', userId, sha256 };
}

function createTally() {
  let head: BackupHead | null = null;
  let over = false;
  const counts = { file: 0, missing: 0 };
  const hashes = new Map<string, ReturnType<typeof createHash>>();
  return {
    isBegun: () => head !== null,
    isOver: () => over,
    count(part: BackupPart) {
      if (part.kind === 'head') {
        head = part.head;
        for (const { name } of head.tables) hashes.set(name, createHash('sha256'));
      } else if (part.kind === 'piece') {
        const hash = hashes.get(part.table);
        if (!hash) throw new BackupError(`The backup is damaged: its head knows no table ${part.table}.`);
        hash.update(part.compressed);
      } else if (part.kind === 'summary') {
        over = true;
        requireSame(part.summary, hashes, counts);
      } else {
        counts[part.kind] += 1;
      }
    },
    async *checked({ content, sha256 }: { content: AsyncIterable<Buffer>; sha256: Buffer }) {
      const hash = createHash('sha256');
      for await (const chunk of content) {
        hash.update(chunk);
        yield chunk;
      }
      if (!hash.digest().equals(sha256))
        throw new BackupError('The backup is damaged: a file in it has changed.');
    },
  };
}

function requireSame(
  summary: BackupSummary,
  hashes: Map<string, ReturnType<typeof createHash>>,
  counts: { file: number; missing: number },
): void {
  for (const [name, hash] of hashes) {
    if (summary.tables[name]?.sha256 !== hash.digest('hex')) {
      throw new BackupError(`The backup is damaged: the table ${name} has changed.`);
    }
  }
  if (summary.files !== counts.file || summary.missing !== counts.missing) {
    throw new BackupError('The backup is damaged: files are missing from it.');
  }
}

function asBackupError(error: unknown, isBegun: boolean): unknown {
  if (!(error instanceof Error) || error instanceof BackupError || 'code' in error) return error;
  // Of the library, whose errors have neither class nor code.
  if (error.message === 'Unexpected end of data' && isBegun) {
    return new BackupError('The backup is cut short: its end is missing.', { cause: error });
  }
  if (/^Invalid tar header|^Unexpected end of data/.test(error.message)) {
    return new BackupError('The file is no backup of Sidecar, or is damaged.', { cause: error });
  }
  return error;
}

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, open, rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { zstdCompress } from 'node:zlib';
import { pack as createPack, type Pack } from 'tar-stream';
import {
  BackupError,
  type BackupHead,
  type BackupSummary,
  HEAD_ENTRY,
  SUMMARY_ENTRY,
} from '../../domain/backup.ts';
import { NotFoundError } from '../../domain/errors.ts';
import type { Files } from '../../domain/services.ts';
import { spool } from '../files/spool.ts';
import { type NamedFile, openSnapshot, type Snapshot } from './snapshot.ts';

const compress = promisify(zstdCompress);

/** Of a table, before compression: what is in memory at once, a few times over. */
const PIECE_BYTES = 1024 * 1024;
/** Contents up to this size are read into memory, so many at a time; larger ones go by a file beside the backup. */
const SMALL_BYTES = 1024 * 1024;
const AT_ONCE = 8;

/** Hears what is being written, such as `messages` or `files`, and how many rows or files so far. */
export type OnProgress = (what: string, done: number) => void;

export interface BackupOptions {
  databaseUrl: string;
  files: Pick<Files, 'read'>;
  /** Where the backup appears once it is whole; nothing may be there. */
  path: string;
  onProgress: OnProgress;
  /** Breaks it off. */
  signal: AbortSignal;
}

/**
 * Writes the database as it is at one moment, and the contents that its rows name. What is deleted meanwhile may be
 * missing from the contents, and the backup says so; what is added meanwhile is not in it. Throws a BackupError when
 * something stands at `path`, and leaves nothing behind when it throws.
 */
export async function writeBackup(options: BackupOptions): Promise<BackupSummary> {
  const { databaseUrl, files, path, onProgress, signal } = options;
  const taken = await access(path).then(
    () => true,
    () => false,
  );
  if (taken) throw new BackupError(`${path} is there already. Name a file that is not.`);
  const part = `${path}.part`;
  const handle = await open(part, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
    throw new BackupError(`Another backup writes ${part}, or one was killed: remove it when none does.`);
  });
  try {
    const snapshot = await openSnapshot(databaseUrl, signal);
    try {
      const pack = createPack();
      signal.addEventListener('abort', () => pack.destroy(signal.reason as Error), { once: true });
      // `flush` has the disk say that it has everything before the backup gets its name.
      const written = pipeline(pack, handle.createWriteStream({ flush: true }));
      const [summary] = await Promise.all([
        fill(pack, snapshot, files, `${path}.spool`, onProgress),
        written,
      ]);
      await rename(part, path);
      return summary;
    } finally {
      await snapshot.close();
    }
  } finally {
    await handle.close();
    await rm(part, { force: true });
    await rm(`${path}.spool`, { recursive: true, force: true });
  }
}

async function fill(
  pack: Pack,
  snapshot: Snapshot,
  files: Pick<Files, 'read'>,
  spoolDirectory: string,
  onProgress: OnProgress,
): Promise<BackupSummary> {
  try {
    const { migrations, tables } = snapshot;
    const head: BackupHead = {
      format: 'sidecar-backup',
      version: 1,
      madeAt: new Date().toISOString(),
      migrations,
      tables,
    };
    const summary: BackupSummary = { tables: {}, files: 0, missing: 0 };
    await addEntry(pack, HEAD_ENTRY, Buffer.from(JSON.stringify(head, null, 2)));
    for (const table of tables) {
      const hash = createHash('sha256');
      let number = 0;
      const rows = await inPieces(snapshot.rows(table), async (piece) => {
        const compressed = await compress(piece);
        hash.update(compressed);
        await addEntry(pack, `tables/${table.name}/${String(number).padStart(6, '0')}.copy.zst`, compressed);
        number += 1;
      });
      summary.tables[table.name] = { rows, sha256: hash.digest('hex') };
      onProgress(table.name, rows);
    }
    for await (const group of grouped(snapshot.files(), AT_ONCE)) {
      const contents = await Promise.all(
        group.map((file) => (isSmall(file) ? readWhole(files, file) : null)),
      );
      for (const [index, file] of group.entries()) {
        const content = contents[index];
        const isThere = isSmall(file)
          ? content && (await addEntry(pack, nameOf('files', file), content))
          : await addLarge(pack, files, file, spoolDirectory);
        if (isThere) summary.files += 1;
        else {
          await addEntry(pack, nameOf('missing', file), Buffer.alloc(0));
          summary.missing += 1;
        }
      }
      onProgress('files', summary.files);
    }
    await addEntry(pack, SUMMARY_ENTRY, Buffer.from(JSON.stringify(summary, null, 2)));
    pack.finalize();
    return summary;
  } catch (error) {
    // Ends the writing as well.
    pack.destroy(error as Error);
    throw error;
  }
}

const isSmall = ({ sizeBytes }: NamedFile) => sizeBytes !== null && sizeBytes <= SMALL_BYTES;

const nameOf = (folder: 'files' | 'missing', { userId, sha256 }: NamedFile) =>
  `${folder}/${userId}/${sha256.toString('hex')}`;

/** Null when the store does not have it, or has something else under its name. */
async function readWhole(files: Pick<Files, 'read'>, file: NamedFile): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const hash = createHash('sha256');
  try {
    for await (const chunk of await files.read(file.userId, file.sha256)) {
      bytes += chunk.length;
      if (bytes > SMALL_BYTES) return null;
      chunks.push(chunk);
      hash.update(chunk);
    }
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
  return hash.digest().equals(file.sha256) ? Buffer.concat(chunks) : null;
}

/** By way of a file, because a tar tells an entry's size first, and nobody knows whether the content is whole before its end. */
async function addLarge(
  pack: Pack,
  files: Pick<Files, 'read'>,
  file: NamedFile,
  spoolDirectory: string,
): Promise<boolean> {
  let isWhole = false;
  let isMissing = false;
  const content = async function* (): AsyncGenerator<Buffer> {
    try {
      yield* await files.read(file.userId, file.sha256);
    } catch (error) {
      isMissing = isGone(error);
      throw error;
    }
  };
  try {
    await spool(spoolDirectory, content(), async (path, { sha256, sizeBytes }) => {
      if (!file.sha256.equals(sha256)) return;
      await pipeline(createReadStream(path), pack.entry({ name: nameOf('files', file), size: sizeBytes }));
      isWhole = true;
    });
  } catch (error) {
    if (!isMissing) throw error;
  }
  return isWhole;
}

/** Whether an error of the store says that it has no such content, or no longer. */
const isGone = (error: unknown) =>
  error instanceof NotFoundError || (error as NodeJS.ErrnoException).code === 'ENOENT';

/** Resolves, with true, when the tar has taken it. */
function addEntry(pack: Pack, name: string, content: Buffer): Promise<true> {
  return new Promise((resolve, reject) => {
    pack.entry({ name, mode: 0o600 }, content, (error) => (error ? reject(error) : resolve(true)));
  });
}

async function inPieces(
  chunks: AsyncGenerator<Buffer, number>,
  use: (piece: Buffer) => Promise<void>,
): Promise<number> {
  let held: Buffer[] = [];
  let bytes = 0;
  const flush = async () => {
    if (bytes > 0) await use(Buffer.concat(held));
    held = [];
    bytes = 0;
  };
  for (;;) {
    const { value, done } = await chunks.next();
    if (done) {
      await flush();
      return value;
    }
    held.push(value);
    bytes += value.length;
    if (bytes >= PIECE_BYTES) await flush();
  }
}

async function* grouped<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let group: T[] = [];
  for await (const item of items) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, lstat, open, rename, rm, stat } from 'node:fs/promises';

/**
 * The beginning of a download beside the place where it goes when it is whole. A worker that was taken for dead may wake
 * and write to the file that it opened, or end it: that one has no name any more once another worker has begun its own.
 */
export interface PartFile {
  bytes(): number;
  append(chunk: Uint8Array): Promise<void>;
  /** Forgets what was written. */
  restart(): Promise<void>;
  /** The first four bytes, or fewer. */
  head(): Buffer;
  /** Moves the file to its place and answers its hash in hexadecimal. Throws an Error when another worker has begun anew. */
  finish(): Promise<string>;
  /** Removes the file, unless it is finished. */
  discard(): Promise<void>;
}

export async function openPartFile(path: string): Promise<PartFile> {
  const partPath = `${path}.part`;
  if ((await lstat(partPath).catch(() => null))?.isFile()) await rm(partPath, { force: true });
  const file: FileHandle = await open(partPath, 'w');
  const { ino } = await file.stat();
  const isNamed = async () => (await stat(partPath).catch(() => null))?.ino === ino;
  let hash: Hash = createHash('sha256');
  let bytes = 0;
  let head = Buffer.alloc(0);
  let finished = false;

  return {
    bytes: () => bytes,
    head: () => head,
    async append(chunk) {
      let written = 0;
      while (written < chunk.length) {
        written += (await file.write(chunk, written, chunk.length - written, bytes + written)).bytesWritten;
      }
      hash.update(chunk);
      if (head.length < 4) head = Buffer.concat([head, chunk]).subarray(0, 4);
      bytes += chunk.length;
    },
    async restart() {
      if (bytes === 0) return;
      await file.truncate(0);
      hash = createHash('sha256');
      head = Buffer.alloc(0);
      bytes = 0;
    },
    async finish() {
      await file.sync();
      await file.close();
      if (!(await isNamed())) throw new Error('Another worker has begun this download anew.');
      await rename(partPath, path);
      finished = true;
      return hash.digest('hex');
    },
    async discard() {
      if (finished) return;
      await file.close().catch(() => undefined);
      if (await isNamed()) await rm(partPath, { force: true });
    },
  };
}

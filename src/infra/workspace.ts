import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { TooLargeError } from '../domain/errors.ts';
import type { Workspace } from '../domain/services.ts';

/** Archives under work, below the data directory: one file per task, removed when its task is over. */
export async function openWorkspace(dataDir: string, maxArchiveBytes: number): Promise<Workspace> {
  const directory = join(dataDir, 'archives');
  const uploadsPath = join(dataDir, 'uploads');
  for (const path of [directory, uploadsPath]) await mkdir(path, { recursive: true, mode: 0o700 });
  const archivePath = (taskId: string) => join(directory, `${taskId}.zip`);
  return {
    archivePath,
    uploadsPath,
    async adoptArchive(taskId, path) {
      await rename(path, archivePath(taskId));
    },
    async saveArchive(taskId, content) {
      const part = `${archivePath(taskId)}.upload`;
      try {
        await pipeline(content, limited(maxArchiveBytes), createWriteStream(part, { mode: 0o600 }));
        await rename(part, archivePath(taskId));
      } catch (error) {
        await rm(part, { force: true });
        throw error;
      }
    },
    async removeArchive(taskId) {
      const path = archivePath(taskId);
      // A download that was cut off leaves its beginning beside the path.
      await Promise.all([path, `${path}.part`].map((file) => rm(file, { force: true })));
    },
    async sweep(isNeeded) {
      for (const name of await readdir(directory)) {
        const taskId = /^([0-9a-f-]{36})\.zip$/.exec(name)?.[1];
        const path = join(directory, name);
        if (taskId ? !(await isNeeded(taskId)) : await isAbandoned(path)) await rm(path, { force: true });
      }
      for (const name of await readdir(uploadsPath)) {
        const path = join(uploadsPath, name);
        if (await isAbandoned(path)) await rm(path, { force: true });
      }
    },
  };
}

/** What nobody has written to for a day is of no upload or download any more. */
const ABANDONED_MS = 24 * 60 * 60_000;

async function isAbandoned(path: string): Promise<boolean> {
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
  return Date.now() - mtimeMs > ABANDONED_MS;
}

function limited(maxBytes: number) {
  return async function* (chunks: AsyncIterable<Uint8Array>) {
    let bytes = 0;
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new TooLargeError(maxBytes);
      yield chunk;
    }
  };
}

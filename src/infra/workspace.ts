import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { TooLargeError } from '../domain/errors.ts';
import type { Workspace } from '../domain/services.ts';

/** Archives under work, below the data directory: one file per task, removed when its task is over. */
export async function openWorkspace(dataDir: string, maxArchiveBytes: number): Promise<Workspace> {
  const directory = join(dataDir, 'archives');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const archivePath = (taskId: string) => join(directory, `${taskId}.zip`);
  return {
    archivePath,
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
  };
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

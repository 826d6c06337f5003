import { glob, mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isDiskFull, NoSpaceError, TooLargeError } from '../domain/errors.ts';
import type { Workspace } from '../domain/services.ts';

/** Archives below the data directory, `archives/<task>.zip`: one file per task, removed when its task is over. */
export async function openWorkspace(dataDir: string, maxArchiveBytes: number): Promise<Workspace> {
  const directory = join(dataDir, 'archives');
  const uploadsPath = join(dataDir, 'uploads');
  for (const path of [directory, uploadsPath]) await mkdir(path, { recursive: true, mode: 0o700 });
  const archivePath = (taskId: string) => join(directory, `${taskId}.zip`);
  return {
    archivePath,
    scratchPath: join(directory, 'scratch'),
    uploadsPath,
    async adoptArchive(taskId, path) {
      // Its last bytes may have come long ago, and `sweep` spares what is new.
      await utimes(path, new Date(), new Date());
      await rename(path, archivePath(taskId));
    },
    async saveArchive(taskId, content) {
      const part = `${archivePath(taskId)}.upload`;
      try {
        // Opened before anything can fail, or the file could appear after it was removed.
        const handle = await open(part, 'w', 0o600);
        await pipeline(content, limited(maxArchiveBytes), handle.createWriteStream());
        await rename(part, archivePath(taskId));
      } catch (error) {
        await rm(part, { force: true });
        throw isDiskFull(error) ? new NoSpaceError({ cause: error }) : error;
      }
    },
    async removeArchive(taskId) {
      const path = archivePath(taskId);
      // A download that was cut off leaves its beginning beside the path.
      await Promise.all([path, `${path}.part`].map((file) => rm(file, { force: true })));
    },
    async removeUploads(userId) {
      const own = (await readdir(uploadsPath)).filter((name) => name.startsWith(`${userId}_`));
      await Promise.all(own.map((name) => rm(join(uploadsPath, name), { force: true })));
    },
    async sweep(isNeeded) {
      for (const name of await readdir(directory)) {
        const taskId = /^([0-9a-f-]{36})\.zip$/.exec(name)?.[1];
        const path = join(directory, name);
        const idleMs = await sinceWritten(path);
        // An upload is in place a moment before its task is.
        const unneeded = taskId && idleMs > UPLOAD_GRACE_MS && !(await isNeeded(taskId));
        if (unneeded || (!taskId && idleMs > ABANDONED_MS)) await rm(path, { force: true });
      }
      const uploads = Map.groupBy(await readdir(uploadsPath), (name) => name.replace(/\.json$/, ''));
      for (const names of uploads.values())
        await removeAbandoned(names.map((name) => join(uploadsPath, name)));
      for await (const name of glob(['files/*/*.part', 'spool/*.part'], { cwd: dataDir })) {
        await removeAbandoned([join(dataDir, name)]);
      }
    },
  };
}

/** What nobody has written to for a day is of no upload or download any more. */
const ABANDONED_MS = 24 * 60 * 60_000;

const UPLOAD_GRACE_MS = 60 * 60_000;

/**
 * Files that are of use together alone, such as an upload and the note about it, `<id>.json`, which tus writes when it
 * begins and never again.
 */
async function removeAbandoned(paths: string[]): Promise<void> {
  const idleMs = Math.min(...(await Promise.all(paths.map(sinceWritten))));
  if (idleMs > ABANDONED_MS) await Promise.all(paths.map((path) => rm(path, { force: true })));
}

/** In milliseconds; 0 for a file that is gone. */
async function sinceWritten(path: string): Promise<number> {
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
  return Date.now() - mtimeMs;
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

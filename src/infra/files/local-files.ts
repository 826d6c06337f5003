import { createReadStream } from 'node:fs';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { NotFoundError } from '../../domain/errors.ts';
import type { Files } from '../../domain/services.ts';
import { spool } from './spool.ts';

/** Attachments below the data directory: `files/<user>/<first two digits>/<sha256>`. Nothing of an export names a path. */
export async function openLocalFiles(dataDir: string): Promise<Files> {
  const root = join(dataDir, 'files');
  await mkdir(root, { recursive: true, mode: 0o700 });
  const pathOf = (userId: string, sha256: Uint8Array) => {
    const hex = Buffer.from(sha256).toString('hex');
    return join(root, userId, hex.slice(0, 2), hex);
  };
  return {
    put: (userId, content, beforeKept) =>
      spool(join(root, userId), content, async (part, file) => {
        await beforeKept?.(file);
        const path = pathOf(userId, file.sha256);
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        await rename(part, path);
      }),
    has: (userId, sha256) =>
      access(pathOf(userId, sha256)).then(
        () => true,
        (error) => {
          if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
          throw error;
        },
      ),
    async read(userId, sha256, range) {
      const path = pathOf(userId, sha256);
      await access(path).catch(() => {
        throw new NotFoundError('file');
      });
      return createReadStream(path, range);
    },
    async remove(userId, sha256) {
      await rm(pathOf(userId, sha256), { force: true });
    },
    async removeAll(userId) {
      await rm(join(root, userId), { recursive: true, force: true });
    },
  };
}

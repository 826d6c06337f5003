import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { NotFoundError } from '../domain/errors.ts';
import type { Files } from '../domain/services.ts';

/** Attachments below the data directory: `files/<user>/<first two digits>/<sha256>`. Nothing of an export names a path. */
export async function openFiles(dataDir: string): Promise<Files> {
  const root = join(dataDir, 'files');
  await mkdir(root, { recursive: true, mode: 0o700 });
  const pathOf = (userId: string, sha256: Uint8Array) => {
    const hex = Buffer.from(sha256).toString('hex');
    return join(root, userId, hex.slice(0, 2), hex);
  };
  return {
    async put(userId, content) {
      const part = join(root, userId, `${randomUUID()}.part`);
      await mkdir(join(root, userId), { recursive: true, mode: 0o700 });
      const hash = createHash('sha256');
      let sizeBytes = 0;
      try {
        await pipeline(
          content,
          async function* (chunks: AsyncIterable<Uint8Array>) {
            for await (const chunk of chunks) {
              hash.update(chunk);
              sizeBytes += chunk.length;
              yield chunk;
            }
          },
          createWriteStream(part, { mode: 0o600 }),
        );
        const sha256 = hash.digest();
        const path = pathOf(userId, sha256);
        await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
        await rename(part, path);
        return { sha256, sizeBytes };
      } catch (error) {
        await rm(part, { force: true });
        throw error;
      }
    },
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

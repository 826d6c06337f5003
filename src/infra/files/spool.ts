import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { StoredFile } from '../../domain/services.ts';

/**
 * Writes content to a temporary file in `directory`, for its hash, which is its name, is known only at the end. `use`
 * may move the file away; what is left of it is removed.
 */
export async function spool(
  directory: string,
  content: AsyncIterable<Uint8Array>,
  use: (path: string, file: StoredFile) => Promise<void>,
): Promise<StoredFile> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, `${randomUUID()}.part`);
  const hash = createHash('sha256');
  let sizeBytes = 0;
  try {
    // Opened before anything can fail, or the file could appear after it was removed.
    const handle = await open(path, 'wx', 0o600);
    await pipeline(
      content,
      async function* (chunks: AsyncIterable<Uint8Array>) {
        for await (const chunk of chunks) {
          hash.update(chunk);
          sizeBytes += chunk.length;
          yield chunk;
        }
      },
      handle.createWriteStream(),
    );
    const file = { sha256: hash.digest(), sizeBytes };
    await use(path, file);
    return file;
  } finally {
    await rm(path, { force: true });
  }
}

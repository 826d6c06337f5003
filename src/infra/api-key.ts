import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where a server without `API_KEY` keeps the key that it made; readable by its own user alone. */
export const apiKeyPath = (dataDir: string) => join(dataDir, 'api-key');

/** The key of a data directory, made at the first call; `made` tells whether this was it. */
export async function readOrMakeApiKey(dataDir: string): Promise<{ apiKey: string; made: boolean }> {
  await mkdir(dataDir, { recursive: true });
  const path = apiKeyPath(dataDir);
  const made = `sidecar_${randomBytes(32).toString('base64url')}`;
  try {
    // `wx` lets one of two processes that start at once win; the other reads what it wrote.
    await writeFile(path, `${made}\n`, { flag: 'wx', mode: 0o600 });
    return { apiKey: made, made: true };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return { apiKey: (await readFile(path, 'utf8')).trim(), made: false };
  }
}

import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where a server without `API_KEY` keeps the key that it made; readable by its own user alone. */
export const apiKeyPath = (dataDir: string) => join(dataDir, 'api-key');

/** Shorter than any that this makes: what a crash left of one. */
const MIN_LENGTH = 24;

/** The key of a data directory; null when none was made so far. */
export async function readApiKey(dataDir: string): Promise<string | null> {
  const text = await readFile(apiKeyPath(dataDir), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const apiKey = text.trim();
  return apiKey.length < MIN_LENGTH ? null : apiKey;
}

/** The key of a data directory, made at the first call; `made` tells whether this was it. */
export async function readOrMakeApiKey(dataDir: string): Promise<{ apiKey: string; made: boolean }> {
  const present = await readApiKey(dataDir);
  if (present) return { apiKey: present, made: false };
  await mkdir(dataDir, { recursive: true });
  const path = apiKeyPath(dataDir);
  const apiKey = `sidecar_${randomBytes(32).toString('base64url')}`;
  const whole = `${path}.${randomBytes(6).toString('hex')}`;
  await writeFile(whole, `${apiKey}\n`, { mode: 0o600 });
  try {
    // The file appears with all that it holds, and of two processes that start at once one wins.
    await link(whole, path);
    return { apiKey, made: true };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const theirs = await readApiKey(dataDir);
    if (theirs) return { apiKey: theirs, made: false };
    await rename(whole, path);
    return { apiKey, made: true };
  } finally {
    await rm(whole, { force: true });
  }
}

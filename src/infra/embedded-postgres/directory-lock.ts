import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { processIdentity } from './processes.ts';

interface Holder {
  pid: number;
  identity: string | null;
}

const attempts = 20;
const retryMs = 50;

/**
 * Makes this process the only user of a data directory and answers the function that gives it back. A lock whose
 * process is gone, or whose process id now belongs to another program, is taken over.
 * Throws when a living process holds it.
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, 'postgres.lock');
  const mine = JSON.stringify({ pid: process.pid, identity: await processIdentity(process.pid) });
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    if (await create(path, mine)) return () => rm(path, { force: true });
    const text = await readFile(path, 'utf8').catch(() => null);
    if (text === null) continue;
    const holder = parseHolder(text);
    // Another process creates the file and writes it in two steps: give it the time.
    if (holder === null && attempt < attempts / 2) {
      await delay(retryMs);
      continue;
    }
    if (holder !== null && (await isAlive(holder))) throw new DirectoryInUseError(directory, holder.pid);
    await removeStale(path, text);
  }
  throw new Error(`Could not lock ${directory}: ${path} changes all the time`);
}

export class DirectoryInUseError extends Error {
  constructor(directory: string, pid: number) {
    super(`${directory} is already used by process ${pid}; stop it or set another DATA_DIR`);
    this.name = 'DirectoryInUseError';
  }
}

async function create(path: string, content: string): Promise<boolean> {
  try {
    await writeFile(path, content, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Moved aside before it is removed, for another process may have replaced it since it was read. */
async function removeStale(path: string, expected: string): Promise<void> {
  const aside = `${path}.${process.pid}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  const moved = await readFile(aside, 'utf8');
  if (moved !== expected) await create(path, moved);
  await rm(aside, { force: true });
}

function parseHolder(text: string): Holder | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('identity' in value))
      return null;
    const { pid, identity } = value;
    if (typeof pid !== 'number' || (typeof identity !== 'string' && identity !== null)) return null;
    return { pid, identity };
  } catch {
    return null;
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  const identity = await processIdentity(holder.pid);
  return identity !== null && (holder.identity === null || holder.identity === identity);
}

import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { watch } from 'chokidar';
import type { Services } from '../src/domain/services.ts';
import { importWatched, type WatchedExport } from '../src/domain/sync/watched.ts';

/** An export that has been the same for so long has arrived. */
const QUIET_MS = 3_000;
/** Files of a folder of one export, at most: more is not one. */
const MAX_FILES = 1_000_000;

/**
 * Imports what is dropped into `directory`, and what lies there already: each zip, and each folder that holds an export, when
 * it has stopped growing. Symbolic links and hidden files are passed over. Answers what ends the watch.
 */
export function openWatchedFolder(services: Services, directory: string): { close(): Promise<void> } {
  const timers = new Map<string, NodeJS.Timeout>();
  const seen = new Map<string, string>();
  let closed = false;
  const running = new Set<Promise<void>>();

  const look = async (name: string): Promise<void> => {
    const found = await describe(directory, name);
    if (!found) return void seen.delete(name);
    const state = JSON.stringify(found);
    const isQuiet = seen.get(name) === state;
    seen.set(name, state);
    if (!isQuiet || !(await importWatched(services, found))) later(name);
    else seen.delete(name);
  };
  const later = (name: string): void => {
    clearTimeout(timers.get(name));
    if (closed) return;
    const begin = () => {
      timers.delete(name);
      const looking = look(name)
        .catch((error) => {
          services.logger.warn({ error }, 'an export in the watched folder could not be looked at');
          later(name);
        })
        .finally(() => running.delete(looking));
      running.add(looking);
    };
    timers.set(name, setTimeout(begin, QUIET_MS));
  };

  const watcher = watch(directory, { followSymlinks: false });
  watcher.on('all', (_event, path) => {
    const [name = ''] = relative(directory, path).split(sep);
    if (name !== '' && !name.startsWith('.')) later(name);
  });
  watcher.on('error', (error) => services.logger.warn({ error }, 'the watched folder cannot be watched'));
  return {
    async close() {
      closed = true;
      for (const timer of timers.values()) clearTimeout(timer);
      await watcher.close();
      await Promise.all(running);
    },
  };
}

/** Null for what is no export, or gone. */
async function describe(directory: string, name: string): Promise<WatchedExport | null> {
  const path = join(directory, name);
  const found = await lstat(path).catch(() => null);
  if (found?.isFile() && name.toLowerCase().endsWith('.zip')) {
    return { name, sizeBytes: found.size, modifiedAtMs: Math.floor(found.mtimeMs) };
  }
  if (!found?.isDirectory()) return null;
  const entries: Dirent[] = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const isExport = files.some(({ name: file }) => /^conversations.*\.json$/.test(file));
  if (!isExport || files.length > MAX_FILES) return null;
  let [sizeBytes, modifiedAtMs] = [0, 0];
  for (const file of files) {
    const { size, mtimeMs } = await lstat(join(file.parentPath, file.name));
    sizeBytes += size;
    modifiedAtMs = Math.max(modifiedAtMs, Math.floor(mtimeMs));
  }
  return { name, sizeBytes, modifiedAtMs };
}

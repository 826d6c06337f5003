import { lstat, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { watch } from 'chokidar';
import { holdsConversations } from '../src/archive/entry-names.ts';
import { walkFolder } from '../src/archive/folder-files.ts';
import type { Services } from '../src/domain/services.ts';
import { importWatched, type WatchedExport } from '../src/domain/sync/watched.ts';

/** An export that has been the same for so long has arrived. */
const QUIET_MS = 3_000;
/** Files of a folder of one export, at most: more is not one. */
const MAX_FILES = 1_000_000;

/**
 * Imports what is dropped into `directory`, and what lies there already: each zip, and each folder that holds an export, when
 * it has stopped growing. Symbolic links in it and hidden files are passed over. Answers what ends the watch.
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

  void tellWhenNone(services, directory);
  // With a separator behind it, for the folder itself may be a link, as to a disk.
  const watcher = watch(join(directory, sep), { followSymlinks: false });
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

/** A disk may be mounted later, so that the start is not refused; but who mistyped the name shall hear of it. */
async function tellWhenNone({ logger }: Services, directory: string): Promise<void> {
  const found = await stat(directory).catch(() => null);
  if (!found?.isDirectory())
    logger.warn({}, 'WATCH_DIR names no folder: nothing is imported from there until it does');
}

/** Null for what is no export, or gone. */
async function describe(directory: string, name: string): Promise<WatchedExport | null> {
  const path = join(directory, name);
  const found = await lstat(path).catch(() => null);
  if (found?.isFile() && name.toLowerCase().endsWith('.zip')) {
    return { name, sizeBytes: found.size, modifiedAtMs: Math.floor(found.mtimeMs) };
  }
  if (!found?.isDirectory()) return null;
  return describeFolder(path, name);
}

async function describeFolder(path: string, name: string): Promise<WatchedExport | null> {
  let [files, sizeBytes, modifiedAtMs, isExport] = [0, 0, 0, false];
  for await (const { file } of walkFolder(path)) {
    if (!file) continue;
    files += 1;
    if (files > MAX_FILES) return null;
    sizeBytes += file.sizeBytes;
    modifiedAtMs = Math.max(modifiedAtMs, file.modifiedAtMs);
    isExport ||= holdsConversations(file.baseName);
  }
  return isExport ? { name, sizeBytes, modifiedAtMs } : null;
}

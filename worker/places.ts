import { randomInt } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { walkFolder } from '../src/archive/folder-files.ts';
import { LaterError } from './processor.ts';

/** How long a large import waits before it asks again, so that those that wait do not all ask at once. */
const [MIN_WAIT_MS, MAX_WAIT_MS] = [3_000, 9_000];
/** Tasks that are remembered as large; beyond it each is found to be large once more. */
const MAX_REMEMBERED = 10_000;

const noPlace = () => new LaterError(randomInt(MIN_WAIT_MS, MAX_WAIT_MS));

export interface Place {
  /** Takes a place for large imports once the archive is known to have so many bytes. Throws a LaterError when none is free. */
  grow(bytes: number): void;
  leave(): void;
}

export interface Places {
  /** Throws a LaterError for a task that is known to be large when no place is free. */
  enter(taskId: string): Place;
}

/**
 * Keeps one of a worker's places for imports that are not large, so that nobody with a small one waits for the end of
 * somebody else's large one. A worker with one place alone has none to keep.
 */
export function openPlaces(concurrency: number, largeBytes: number): Places {
  let free = Math.max(1, concurrency - 1);
  const large = new Set<string>();
  return {
    enter(taskId) {
      if (large.has(taskId) && free === 0) throw noPlace();
      let isTaken = false;
      return {
        grow(bytes) {
          if (isTaken || bytes < largeBytes) return;
          if (large.size >= MAX_REMEMBERED) large.clear();
          large.add(taskId);
          if (free === 0) throw noPlace();
          free -= 1;
          isTaken = true;
        },
        leave() {
          if (!isTaken) return;
          isTaken = false;
          free += 1;
          large.delete(taskId);
        },
      };
    },
  };
}

/** The size of a file, or of all files below a folder; it stops counting at `enough`. */
export async function sizeOf(path: string, enough: number): Promise<number> {
  const found = await stat(path);
  if (!found.isDirectory()) return found.size;
  let bytes = 0;
  for await (const { file } of walkFolder(path)) {
    bytes += file?.sizeBytes ?? 0;
    if (bytes >= enough) break;
  }
  return bytes;
}

import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { baseNameOf, refusalCode } from './entry-names.ts';
import type { ArchiveWarning } from './types.ts';

const MAX_FOLDER_DEPTH = 32;
// Names are read as text, and bytes that are not UTF-8 come out as another name.
const NOT_THERE = 'it is gone, or its name is not UTF-8: then rename it.';

export interface FolderFile {
  /** With `/` between folders. */
  name: string;
  baseName: string;
  sizeBytes: number;
  /** Milliseconds since 1970, whole. */
  modifiedAtMs: number;
}

/** A file of a folder, or what was left out. */
export type FolderItem =
  | { file: FolderFile; warning?: undefined }
  | { file?: undefined; warning: ArchiveWarning };

/** All below a folder. Links are left out, for they may lead out of it. */
export async function* walkFolder(path: string): AsyncGenerator<FolderItem> {
  const queue = [{ prefix: '', depth: 0 }];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const items = await unlessGone(opendir(join(path, next.prefix)));
    if (items === null)
      yield leftOut('FOLDER_UNREADABLE', next.prefix.slice(0, -1) || 'the folder', NOT_THERE);
    for await (const item of items ?? []) {
      const name = next.prefix + item.name;
      if (item.isDirectory()) {
        if (next.depth < MAX_FOLDER_DEPTH) queue.push({ prefix: `${name}/`, depth: next.depth + 1 });
        else yield leftOut('FOLDER_TOO_DEEP', name, 'it is nested too deep.');
      } else if (item.isFile()) {
        yield await lookAt(path, name);
      } else {
        yield leftOut(refusalCode(name), name, 'it is not a regular file.');
      }
    }
  }
}

async function lookAt(path: string, name: string): Promise<FolderItem> {
  const found = await unlessGone(lstat(join(path, name)));
  if (found === null) return leftOut(refusalCode(name), name, NOT_THERE);
  const modifiedAtMs = Math.floor(found.mtimeMs);
  return { file: { name, baseName: baseNameOf(name), sizeBytes: found.size, modifiedAtMs } };
}

async function unlessGone<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

const leftOut = (code: string, name: string, why: string): FolderItem => ({
  warning: { code, reason: `Left out ${name}: ${why}` },
});

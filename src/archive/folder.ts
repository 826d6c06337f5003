import { createReadStream } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Container, type ContainerEntry, type ContainerLimits, defaultMaxEntries } from './container.ts';
import { refusalCode } from './entry-names.ts';
import { ArchiveError, type ArchiveWarning } from './types.ts';

const MAX_FOLDER_DEPTH = 32;
const FILE_CHUNK_BYTES = 1024 * 1024;

/** Opens an export that was unpacked into a folder. Links are refused, for they may lead out of it. */
export async function openFolder(path: string, limits: ContainerLimits): Promise<Container> {
  const entries: ContainerEntry[] = [];
  const warnings: ArchiveWarning[] = [];
  const maxEntries = limits.maxEntries ?? defaultMaxEntries;
  const queue = [{ prefix: '', depth: 0 }];
  let expandedBytes = 0;
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for await (const item of await opendir(join(path, next.prefix))) {
      const name = next.prefix + item.name;
      if (item.isDirectory()) {
        if (next.depth < MAX_FOLDER_DEPTH) queue.push({ prefix: `${name}/`, depth: next.depth + 1 });
        else warnings.push({ code: 'FOLDER_TOO_DEEP', reason: `Left out ${name}: it is nested too deep.` });
      } else if (item.isFile()) {
        const { size } = await lstat(join(path, name));
        expandedBytes += size;
        entries.push({ name, baseName: item.name, expandedBytes: size });
      } else {
        warnings.push({ code: refusalCode(name), reason: `Left out ${name}: it is not a regular file.` });
      }
      if (entries.length > maxEntries) {
        throw new ArchiveError(
          'ZIP_TOO_LARGE',
          `The folder holds more than the ${maxEntries} files that are accepted.`,
        );
      }
      if (expandedBytes > limits.maxExpandedBytes) {
        throw new ArchiveError(
          'ZIP_TOO_LARGE',
          `The folder holds more than the ${limits.maxExpandedBytes} bytes that MAX_EXPANDED_BYTES allows.`,
        );
      }
    }
  }
  return {
    entries,
    warnings,
    read: (entry, signal) =>
      createReadStream(join(path, entry.name), {
        highWaterMark: FILE_CHUNK_BYTES,
        ...(signal && { signal }),
      }),
    refusal: () => null,
    locate: async (entry) => ({ path: join(path, entry.name), offset: 0, length: entry.expandedBytes }),
    close: async () => {},
  };
}

import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { type Container, type ContainerEntry, type ContainerLimits, defaultMaxEntries } from './container.ts';
import { walkFolder } from './folder-files.ts';
import { ArchiveError, type ArchiveWarning } from './types.ts';

const FILE_CHUNK_BYTES = 1024 * 1024;

/** Opens an export that was unpacked into a folder. What is refused or cannot be found becomes a warning. */
export async function openFolder(path: string, limits: ContainerLimits): Promise<Container> {
  const entries: ContainerEntry[] = [];
  const warnings: ArchiveWarning[] = [];
  const maxEntries = limits.maxEntries ?? defaultMaxEntries;
  let expandedBytes = 0;
  for await (const { file, warning } of walkFolder(path)) {
    if (warning) {
      warnings.push(warning);
      continue;
    }
    const { name, baseName, sizeBytes } = file;
    expandedBytes += sizeBytes;
    entries.push({ name, baseName, expandedBytes: sizeBytes });
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

import { statfsSync } from 'node:fs';
import { totalmem } from 'node:os';

const MIB = 1024 ** 2;

/** What suits imports on a small machine; sizes are bounded by the memory that this process may use. */
export function serverSettings(port: number): Record<string, string> {
  const limit = process.constrainedMemory();
  const memoryBytes = limit > 0 && limit < totalmem() ? limit : totalmem();
  const megabytes = (atMost: number, part: number) =>
    `${Math.max(4, Math.min(atMost, Math.floor(memoryBytes / part / MIB)))}MB`;
  return {
    listen_addresses: '127.0.0.1',
    port: String(port),
    // Reached by its port alone: the default folder may not exist, and a path in the data directory may be too long.
    unix_socket_directories: '',
    // With 256 MB in place of 1024, searches of a million messages waited three times as long beside an import.
    shared_buffers: megabytes(1024, 12),
    maintenance_work_mem: megabytes(256, 16),
    work_mem: megabytes(32, 128),
    effective_cache_size: megabytes(4096, 2),
    max_wal_size: '4GB',
    // Nobody replicates from here, and COPY into a table made in the same transaction then needs no log.
    wal_level: 'minimal',
    max_wal_senders: '0',
    random_page_cost: '1.1',
    jit: 'off',
    ...sharedMemory(),
    timezone: 'UTC',
    lc_messages: 'C',
  };
}

/** Parallel queries keep up to a few hundred megabytes in /dev/shm, of which a container has 64 unless told otherwise. */
function sharedMemory(): Record<string, string> {
  if (process.platform !== 'linux') return {};
  let freeBytes = 0;
  try {
    const { bavail, bsize } = statfsSync('/dev/shm');
    freeBytes = bavail * bsize;
  } catch {
    // Not mounted: the same as too small.
  }
  return { dynamic_shared_memory_type: freeBytes < 512 * MIB ? 'mmap' : 'posix' };
}

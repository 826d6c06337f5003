import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Workspace } from '../domain/services.ts';

/** Archives under work, below the data directory: one file per task, removed when its task is over. */
export async function openWorkspace(dataDir: string): Promise<Workspace> {
  const directory = join(dataDir, 'archives');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const archivePath = (taskId: string) => join(directory, `${taskId}.zip`);
  return {
    archivePath,
    async removeArchive(taskId) {
      await rm(archivePath(taskId), { force: true });
    },
  };
}

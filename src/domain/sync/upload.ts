import { rename } from 'node:fs/promises';
import { v7 as uuidv7 } from 'uuid';
import type { SyncTask } from '../../generated/prisma/client.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { readSyncTask } from './one-task.ts';
import { createTask, refuseSecondTask } from './task.ts';

interface Upload {
  fileName: string;
  requestId?: string;
}

/**
 * Takes an archive as it is sent and queues its import. Nothing is kept of one that breaks off. Throws a ConflictError
 * before reading when a sync is unfinished, a TooLargeError, a NoSpaceError, and a TooManyRequestsError.
 */
export async function uploadArchive(
  services: Services,
  viewer: Viewer | null,
  upload: Upload & { content: AsyncIterable<Uint8Array> },
): Promise<SyncTask> {
  await beginUpload(services, viewer);
  const id = uuidv7();
  await services.workspace.saveArchive(id, upload.content);
  return createUploadTask(services, viewer, id, upload, () => services.workspace.removeArchive(id));
}

/** Asked when an upload begins. Throws as `uploadArchive` does. */
export async function beginUpload(services: Services, viewer: Viewer | null): Promise<void> {
  requireScope(viewer, 'write');
  await refuseUpload(services, viewer);
  await services.limits.spend('upload', viewer);
}

/** Whether an upload would be in vain: throws a ConflictError when a sync is unfinished. */
export async function refuseUpload(services: Services, viewer: Viewer | null): Promise<void> {
  requireScope(viewer, 'write');
  await refuseSecondTask(services, viewer.userId);
}

/** Queues the import of an archive that lies on this server's disk, and takes the file over. Throws a ConflictError. */
export async function importUploadedFile(
  services: Services,
  viewer: Viewer | null,
  upload: Upload & { path: string },
): Promise<SyncTask> {
  await refuseUpload(services, viewer);
  const id = uuidv7();
  await services.workspace.adoptArchive(id, upload.path);
  // When somebody else is quicker, the file goes back, so that the upload can be finished again later.
  const giveBack = () => rename(services.workspace.archivePath(id), upload.path);
  return createUploadTask(services, viewer, id, upload, giveBack);
}

/** Queues the import of what lies in the workspace. `takeAway` is called for a file that no task will read. */
async function createUploadTask(
  services: Services,
  viewer: Viewer | null,
  id: string,
  upload: Upload,
  takeAway: () => Promise<void>,
): Promise<SyncTask> {
  requireScope(viewer, 'write');
  try {
    return await createTask(services, viewer, {
      id,
      trigger: 'UPLOAD',
      source: upload.fileName.replaceAll(/[^\p{L}\p{N} ._()-]/gu, '').slice(0, 100) || 'upload.zip',
      sourceSealed: null,
      requestId: upload.requestId,
    });
  } catch (error) {
    // The answer of the commit may have been lost: then the file is the task's. When nobody can tell, it stays, and the
    // sweeper removes it in time if it has no task.
    const task = await readSyncTask(services, { userId: viewer.userId, id }).catch(() => undefined);
    if (task) return task;
    if (task === null) await takeAway();
    throw error;
  }
}

import { v7 as uuidv7 } from 'uuid';
import type { SyncTask } from '../../generated/prisma/client.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { createTask, refuseSecondTask } from './task.ts';

/**
 * Takes an archive as it is sent and queues its import. Nothing is kept of one that breaks off. Throws a ConflictError
 * before reading when a sync is unfinished, and a TooLargeError.
 */
export async function uploadArchive(
  services: Services,
  viewer: Viewer | null,
  upload: { fileName: string; content: AsyncIterable<Uint8Array>; requestId?: string },
): Promise<SyncTask> {
  requireScope(viewer, 'write');
  await refuseSecondTask(services, viewer.userId);
  const id = uuidv7();
  await services.workspace.saveArchive(id, upload.content);
  try {
    return await createTask(services, viewer, {
      id,
      trigger: 'UPLOAD',
      source: upload.fileName.replaceAll(/[^\p{L}\p{N} ._()-]/gu, '').slice(0, 100) || 'upload.zip',
      sourceSealed: null,
      requestId: upload.requestId,
    });
  } catch (error) {
    await services.workspace.removeArchive(id);
    throw error;
  }
}

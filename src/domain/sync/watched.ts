import { v5 as uuidv5 } from 'uuid';
import { ConflictError } from '../errors.ts';
import type { Services } from '../services.ts';
import { nowhere, type Viewer } from '../viewer.ts';
import { formatOrigin } from './origin.ts';
import { createTask, taskSealContext } from './task.ts';

/** A zip or folder in the watched folder, as it stands there now. */
export interface WatchedExport {
  /** Below the watched folder. */
  name: string;
  sizeBytes: number;
  /** Milliseconds since 1970; of a folder, its newest file's. */
  modifiedAtMs: number;
}

/**
 * Queues the import of an export for the owner, once for each state of it and over all workers: the task's id follows from
 * name, size and time, and its key lets one of them in. A failed one is not tried again until it changes. Answers false when
 * another sync of the owner's is in the way, or there is no owner yet.
 */
export async function importWatched(services: Services, found: WatchedExport): Promise<boolean> {
  const owner = await services.prisma.user.findFirst({ where: { isOwner: true } });
  if (!owner) return false;
  const id = uuidv5(JSON.stringify([found.name, found.sizeBytes, found.modifiedAtMs]), owner.id);
  const isKnown = async () => (await services.prisma.syncTask.count({ where: { userId: owner.id, id } })) > 0;
  if (await isKnown()) return true;
  const viewer: Viewer = { userId: owner.id, scopes: new Set(['write']), credential: null, origin: nowhere };
  try {
    await createTask(services, viewer, {
      id,
      trigger: 'UPLOAD',
      source: found.name.slice(0, 100),
      sourceSealed: services.secrets.seal(
        formatOrigin({ kind: 'watched', path: found.name }),
        taskSealContext(id),
      ),
    });
  } catch (error) {
    if (error instanceof ConflictError) return error.taskId === id;
    // Another worker was quicker, and its task is over already.
    if (await isKnown()) return true;
    throw error;
  }
  return true;
}

import { basename } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import type { SyncTask } from '../../generated/prisma/client.ts';
import { NotAllowedError } from '../errors.ts';
import { parseInput } from '../input.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { formatOrigin } from './origin.ts';
import { createTask, FINAL_STATUSES, getSyncTask, taskSealContext } from './task.ts';

export const ingestInput = z.strictObject({ rootPath: z.string().min(1).max(4_096) });
export type IngestInput = z.input<typeof ingestInput>;

/** A caller that wants the outcome is kept waiting no longer than a proxy would. */
const MAX_WAIT_MS = 25_000;
const POLL_MS = 250;

/**
 * Queues the import of a zip or folder below the server's ingest root, for the owner alone: whose archives lie there
 * nobody can tell. Throws a NotAllowedError for anybody else and outside of the root, a NotFoundError, a ConflictError,
 * and a TooManyRequestsError.
 */
export async function startIngest(
  services: Services,
  viewer: Viewer | null,
  input: IngestInput,
  requestId?: string,
): Promise<SyncTask> {
  requireScope(viewer, 'write');
  const isOwner = await services.prisma.user.count({ where: { id: viewer.userId, isOwner: true } });
  if (isOwner === 0) throw new NotAllowedError('Only the owner may import files of the server.');
  await services.limits.spend('sync', viewer);
  const path = await services.ingest.resolve(parseInput(ingestInput, input).rootPath);
  const id = uuidv7();
  return createTask(services, viewer, {
    id,
    trigger: 'MANUAL',
    source: basename(path).slice(0, 100),
    sourceSealed: services.secrets.seal(formatOrigin({ kind: 'ingest', path }), taskSealContext(id)),
    requestId,
  });
}

/** The task once it is over, or as it is when that takes too long. */
export async function waitForTask(
  services: Services,
  viewer: Viewer | null,
  started: SyncTask,
): Promise<SyncTask> {
  const deadline = Date.now() + MAX_WAIT_MS;
  let task = started;
  while (!FINAL_STATUSES.includes(task.status) && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    task = (await getSyncTask(services, viewer, task.id)) ?? task;
  }
  return task;
}

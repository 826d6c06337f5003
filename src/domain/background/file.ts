import { validate as isUuid } from 'uuid';
import { keepContents, removeUnnamed } from '../contents.ts';
import { NotFoundError } from '../errors.ts';
import { type HeldLease, holdsLeased, LeaseLostError } from '../lease.ts';
import type { Services, StoredFile } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';

/** For so long a file that a task made can be fetched. */
export const KEEP_FILE_DAYS = 7;

/** A file that a task made, in the file store of its user. */
export interface MadeFile {
  userId: string;
  sha256: Uint8Array;
  name: string;
  sizeBytes: number;
}

/**
 * Stores what a task makes. Its row names the file before the store has it, so that none is ever left that no row
 * knows, whatever happens in between. Throws a LeaseLostError, with nothing left of it.
 */
export async function storeMadeFile(
  services: Services,
  lease: HeldLease,
  name: string,
  content: AsyncIterable<Uint8Array>,
): Promise<StoredFile> {
  await forgetEarlierAttempt(services, lease);
  const stored = await services.files.put(lease.userId, content, async ({ sha256, sizeBytes }) => {
    await services.database.transaction(async (tx) => {
      await keepContents(tx, lease.userId);
      const written = await tx.execute(
        `UPDATE background_tasks SET file_sha256 = $4, file_name = $5, file_bytes = $6,
           expires_at = now() + make_interval(days => $7), seq = seq + 1, heartbeat_at = now()
         WHERE user_id = $1 AND id = $2 AND lease_token = $3 AND status = 'RUNNING'`,
        [lease.userId, lease.taskId, lease.token, sha256, name, sizeBytes, KEEP_FILE_DAYS],
      );
      if (written === 0) throw new LeaseLostError();
    });
  });
  // Whoever took the task away meanwhile removed what was not there yet.
  if (await holdsLeased(services, 'background_tasks', lease)) return stored;
  await removeUnnamed(services, lease.userId, stored.sha256, { ownTaskId: lease.taskId });
  throw new LeaseLostError();
}

/** A worker that died after it had stored the file left it behind. */
async function forgetEarlierAttempt(services: Services, lease: HeldLease): Promise<void> {
  const { userId, taskId } = lease;
  const row = await services.prisma.backgroundTask.findUnique({
    where: { userId_id: { userId, id: taskId } },
  });
  if (row?.fileSha256) await removeContent(services, userId, taskId, row.fileSha256);
}

/** A file of the viewer's that is whole and has not expired. Throws a NotFoundError. */
export async function getMadeFile(
  services: Services,
  viewer: Viewer | null,
  taskId: string,
): Promise<MadeFile> {
  requireScope(viewer, 'read');
  const { userId } = viewer;
  const task = isUuid(taskId)
    ? await services.prisma.backgroundTask.findUnique({ where: { userId_id: { userId, id: taskId } } })
    : null;
  if (!task || !isFetchable(task)) throw new NotFoundError('file; it may have expired');
  const { fileSha256, fileName, fileBytes } = task;
  if (!fileSha256) throw new NotFoundError('file; it may have expired');
  return { userId, sha256: fileSha256, name: fileName ?? taskId, sizeBytes: Number(fileBytes) };
}

/** Whether a task has a file that can be fetched now. */
export function isFetchable(task: {
  status: string;
  fileSha256: Uint8Array | null;
  expiresAt: Date | null;
}): boolean {
  const { status, fileSha256, expiresAt } = task;
  return status === 'COMPLETED' && fileSha256 !== null && expiresAt !== null && expiresAt > new Date();
}

/** Removes files whose time is over, of one user or of all. One that cannot be removed now is tried again later. */
export async function removeExpiredFiles(services: Services, userId: string | null = null): Promise<void> {
  const expired = await services.database.query<{ userId: string; taskId: string; sha256: Buffer }>(
    `SELECT user_id AS "userId", id AS "taskId", file_sha256 AS sha256 FROM background_tasks
     WHERE expires_at <= now() AND file_sha256 IS NOT NULL AND status NOT IN ('QUEUED', 'RUNNING')
       AND ($1::uuid IS NULL OR user_id = $1)
     ORDER BY expires_at LIMIT 1000`,
    [userId],
  );
  for (const task of expired) {
    await removeContent(services, task.userId, task.taskId, task.sha256).catch((error) => {
      services.logger.warn({ error, taskId: task.taskId }, 'the file of a task could not be removed');
    });
  }
}

/** Removes a task's content, unless something else has the same, and the mention of it. */
async function removeContent(
  services: Services,
  userId: string,
  taskId: string,
  sha256: Uint8Array,
): Promise<void> {
  await removeUnnamed(services, userId, sha256, {
    forget: (tx) =>
      tx.execute(
        `UPDATE background_tasks SET file_sha256 = NULL, seq = seq + 1
         WHERE user_id = $1 AND id = $2 AND file_sha256 = $3`,
        [userId, taskId, sha256],
      ),
  });
}

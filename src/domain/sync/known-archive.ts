import { createHash } from 'node:crypto';
import type { Download, FileVersion, Services, Transaction } from '../services.ts';
import { type Lease, lockTask } from './lease.ts';

/** How much an archive held that was imported whole before. */
export interface KnownArchive {
  conversations: number;
}

const hashOf = (url: string) => createHash('sha256').update(url).digest();

/** What `url` gave when its archive was last imported whole; null when that is not known. */
export async function recallSource(
  services: Services,
  userId: string,
  url: string,
): Promise<(FileVersion & KnownArchive) | null> {
  const [source] = await services.database.query<FileVersion & KnownArchive>(
    `SELECT etag, last_modified AS "lastModified", conversations
     FROM known_sources s JOIN imported_archives a ON a.user_id = s.user_id AND a.sha256 = s.archive_sha256
     WHERE s.user_id = $1 AND url_hash = $2 AND (etag IS NOT NULL OR last_modified IS NOT NULL)`,
    [userId, hashOf(url)],
  );
  return source ?? null;
}

export async function rememberSource(
  services: Services,
  userId: string,
  url: string,
  { etag, lastModified, sha256 }: Download,
): Promise<void> {
  await services.database.query(
    `INSERT INTO known_sources (user_id, url_hash, etag, last_modified, archive_sha256) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (user_id, url_hash) DO UPDATE
       SET etag = excluded.etag, last_modified = excluded.last_modified, archive_sha256 = excluded.archive_sha256`,
    [userId, hashOf(url), etag, lastModified, Buffer.from(sha256, 'hex')],
  );
}

/** Null when this very file was never imported whole, or something was taken back since. */
export async function recallArchive(
  services: Services,
  userId: string,
  sha256: Uint8Array,
): Promise<KnownArchive | null> {
  const [archive] = await services.database.query<KnownArchive>(
    'SELECT conversations FROM imported_archives WHERE user_id = $1 AND sha256 = $2',
    [userId, sha256],
  );
  return archive ?? null;
}

/**
 * Notes which archive a task reads, and answers whether it is the one that its retry is about. One that goes on where it
 * stopped, but finds another archive there, begins anew: places in the one say nothing about the other.
 */
export async function meetArchive(services: Services, lease: Lease, sha256: Uint8Array): Promise<boolean> {
  return services.database.transaction(async (tx) => {
    await lockTask(tx, lease);
    const [task] = await tx.query<{ archive: Uint8Array | null }>(
      'SELECT archive_sha256 AS archive FROM sync_tasks WHERE user_id = $1 AND id = $2',
      [lease.userId, lease.taskId],
    );
    const isOther = task?.archive ? Buffer.compare(task.archive, sha256) !== 0 : false;
    if (isOther && lease.retry) return false;
    await tx.execute(
      `UPDATE sync_tasks SET archive_sha256 = $3, checkpoint = CASE WHEN $4 THEN NULL ELSE checkpoint END
       WHERE user_id = $1 AND id = $2`,
      [lease.userId, lease.taskId, sha256, isOther],
    );
    if (isOther) {
      await forgetCounts(tx, lease);
      lease.checkpoint = null;
    }
    return true;
  });
}

/** For a task that reads its archive from the beginning again, for what an undo took away since it was stopped. */
export async function countAnew(services: Services, lease: Lease): Promise<void> {
  await services.database.transaction(async (tx) => {
    await lockTask(tx, lease);
    await forgetCounts(tx, lease);
  });
}

/** What came of the conversations of an archive as far as it was read, which counts no more. What it brought in stays this task's. */
async function forgetCounts(tx: Transaction, lease: Lease): Promise<void> {
  const { userId, taskId } = lease;
  await tx.execute(
    `UPDATE sync_tasks SET added = 0, updated = 0, unchanged = 0, skipped = 0, failed = 0, messages_added = 0,
       assets_added = 0, conversations_done = 0, conversations_total = NULL, files_processed = 0
     WHERE user_id = $1 AND id = $2`,
    [userId, taskId],
  );
  await tx.execute('DELETE FROM sync_problems WHERE user_id = $1 AND task_id = $2', [userId, taskId]);
  lease.conversationsBefore = 0;
}

/**
 * Remembers the archive of a task that read it to its end, if it has just ended COMPLETED. One in which something was skipped is not
 * remembered: every run that skips has to say what and why. Nor is one of which a retry read only what another left, or
 * of which something may have gone since the task began: deleted, or taken back with a sync that had brought it.
 */
export async function rememberArchive(
  tx: Pick<Transaction, 'query'>,
  lease: Pick<Lease, 'userId' | 'taskId'>,
  sha256: Uint8Array,
): Promise<void> {
  await tx.query(
    `INSERT INTO imported_archives (user_id, sha256, conversations)
     SELECT user_id, $3, added + updated + unchanged FROM sync_tasks t
     WHERE user_id = $1 AND id = $2 AND status = 'COMPLETED' AND skipped = 0 AND archive_sha256 = $3
       AND NOT EXISTS (SELECT FROM deleted_conversations d WHERE d.user_id = $1 AND d.deleted_at >= t.started_at)
       AND NOT EXISTS (SELECT FROM sync_tasks u WHERE u.user_id = $1 AND u.undone_at >= t.started_at)
     ON CONFLICT (user_id, sha256) DO NOTHING`,
    [lease.userId, lease.taskId, sha256],
  );
}

/** What a file shows that did not arrive as it was sent. One that is too large, or encrypted, would come the same again. */
const BROKEN = '^(ZIP_(TRUNCATED|INVALID|OVERLAP|BAD_CRC|BAD_DATA|BAD_SIZE)|NOT_A_ZIP)$';

/**
 * Whether all that a task fails at, `code` included, lies in how its archive arrived, so that a retry had better fetch it
 * again. Not so for one that was sent here: it would be gone. To be asked before the task ends, for then a retry may have begun.
 */
export async function isBrokenDownload(
  services: Services,
  { userId, taskId, origin }: Lease,
  code: string | null,
): Promise<boolean> {
  if (origin?.kind !== 'url') return false;
  const [row] = await services.database.query<{ broken: boolean | null }>(
    `SELECT bool_and(code ~ $3) AS broken FROM (
       SELECT code FROM sync_problems WHERE user_id = $1 AND task_id = $2 AND outcome = 'FAILED'
       UNION ALL SELECT $4 WHERE $4::text IS NOT NULL
     ) AS failures`,
    [userId, taskId, BROKEN, code],
  );
  return row?.broken ?? false;
}

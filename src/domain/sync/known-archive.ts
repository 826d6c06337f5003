import { createHash } from 'node:crypto';
import type { Download, FileVersion, Services, Transaction } from '../services.ts';
import type { Lease } from './lease.ts';

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
 * Remembers the archive of a task that read it to its end, if it has just ended COMPLETED. One in which something was skipped is not
 * remembered: every run that skips has to say what and why.
 */
export async function rememberArchive(
  tx: Pick<Transaction, 'query'>,
  lease: Pick<Lease, 'userId' | 'taskId'>,
  sha256: Uint8Array,
): Promise<void> {
  await tx.query(
    `INSERT INTO imported_archives (user_id, sha256, conversations)
     SELECT user_id, $3, added + updated + unchanged FROM sync_tasks
     WHERE user_id = $1 AND id = $2 AND status = 'COMPLETED' AND skipped = 0
     ON CONFLICT (user_id, sha256) DO NOTHING`,
    [lease.userId, lease.taskId, sha256],
  );
}

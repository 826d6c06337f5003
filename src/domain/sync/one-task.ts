import type { SyncTask } from '../../generated/prisma/client.ts';
import { batched } from '../batched.ts';

/** Of `sync_tasks t`, as Prisma names them, for `toSyncTask`. */
export const SYNC_TASK_COLUMNS = `t.user_id AS "userId", t.id, t.trigger, t.status, t.phase, t.seq, t.attempt, t.fruitless,
  t.lease_token AS "leaseToken", t.heartbeat_at AS "heartbeatAt", t.source, t.source_sealed AS "sourceSealed",
  t.checkpoint, t.archive_sha256 AS "archiveSha256", t.fraction, t.bytes_done AS "bytesDone", t.bytes_total AS "bytesTotal",
  t.conversations_done AS "conversationsDone", t.conversations_total AS "conversationsTotal",
  t.per_second AS "perSecond", t.eta_seconds AS "etaSeconds", t.files_processed AS "filesProcessed", t.added, t.updated,
  t.unchanged, t.skipped, t.failed, t.messages_added AS "messagesAdded", t.assets_added AS "assetsAdded",
  t.error_code AS "errorCode", t.error_message AS "errorMessage", t.created_at AS "createdAt",
  t.queued_at AS "queuedAt", t.started_at AS "startedAt", t.finished_at AS "finishedAt",
  t.undone_at AS "undoneAt", t.retrying`;

/** A SyncTask but for its 64-bit numbers, which the driver gives as text. */
export type SyncTaskRow = Omit<SyncTask, 'bytesDone' | 'bytesTotal'> & {
  bytesDone: string;
  bytesTotal: string;
};

export const toSyncTask = (row: SyncTaskRow): SyncTask => ({
  ...row,
  bytesDone: BigInt(row.bytesDone),
  bytesTotal: BigInt(row.bytesTotal),
});

const nameOf = ({ userId, id }: { userId: string; id: string }) => `${userId}/${id}`;

/** A user's task, null when there is none. Tasks that are asked for at the same time are read by one statement. */
export const readSyncTask = batched<{ userId: string; id: string }, SyncTask>(
  nameOf,
  async (services, keys) => {
    const rows = await services.database.query<SyncTaskRow>(
      `SELECT ${SYNC_TASK_COLUMNS} FROM unnest($1::uuid[], $2::uuid[]) AS asked (user_id, id)
       JOIN sync_tasks t ON t.user_id = asked.user_id AND t.id = asked.id`,
      [keys.map(({ userId }) => userId), keys.map(({ id }) => id)],
      'sync tasks',
    );
    return new Map(rows.map((row) => [nameOf(row), toSyncTask(row)]));
  },
);

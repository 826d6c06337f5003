import type { SyncTask } from '../../generated/prisma/client.ts';
import { batched } from '../batched.ts';

/** As Prisma names them, so that a row is a SyncTask but for its 64-bit numbers, which the driver gives as text. */
const COLUMNS = `t.user_id AS "userId", t.id, t.trigger, t.status, t.phase, t.seq, t.attempt, t.fruitless,
  t.lease_token AS "leaseToken", t.heartbeat_at AS "heartbeatAt", t.source, t.source_sealed AS "sourceSealed",
  t.checkpoint, t.archive_sha256 AS "archiveSha256", t.fraction, t.bytes_done AS "bytesDone", t.bytes_total AS "bytesTotal",
  t.conversations_done AS "conversationsDone", t.conversations_total AS "conversationsTotal",
  t.per_second AS "perSecond", t.eta_seconds AS "etaSeconds", t.files_processed AS "filesProcessed", t.added, t.updated,
  t.unchanged, t.skipped, t.failed, t.messages_added AS "messagesAdded", t.assets_added AS "assetsAdded",
  t.error_code AS "errorCode", t.error_message AS "errorMessage", t.created_at AS "createdAt",
  t.queued_at AS "queuedAt", t.started_at AS "startedAt", t.finished_at AS "finishedAt", t.retrying`;

type Row = Omit<SyncTask, 'bytesDone' | 'bytesTotal'> & { bytesDone: string; bytesTotal: string };

const nameOf = ({ userId, id }: { userId: string; id: string }) => `${userId}/${id}`;

/** A user's task, null when there is none. Tasks that are asked for at the same time are read by one statement. */
export const readSyncTask = batched<{ userId: string; id: string }, SyncTask>(
  nameOf,
  async (services, keys) => {
    const rows = await services.database.query<Row>(
      `SELECT ${COLUMNS} FROM unnest($1::uuid[], $2::uuid[]) AS asked (user_id, id)
       JOIN sync_tasks t ON t.user_id = asked.user_id AND t.id = asked.id`,
      [keys.map(({ userId }) => userId), keys.map(({ id }) => id)],
      'sync tasks',
    );
    return new Map(
      rows.map((row) => [
        nameOf(row),
        { ...row, bytesDone: BigInt(row.bytesDone), bytesTotal: BigInt(row.bytesTotal) },
      ]),
    );
  },
);

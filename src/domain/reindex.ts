import { NIL } from 'uuid';
import { z } from 'zod';
import type { BackgroundTask } from '../generated/prisma/client.ts';
import { startBackgroundTask } from './background/task.ts';
import type { Services } from './services.ts';
import { requireScope, type Viewer } from './viewer.ts';

/** The last conversation that is in the index anew, and how many are; null at the beginning. */
export const reindexCheckpoint = z.strictObject({ last: z.uuid(), done: z.int() }).nullable();

/** Conversations that are out of the index together, for as long as it takes to write them anew. */
const BATCH_CONVERSATIONS = 50;

/**
 * Queues writing the viewer's search index anew. `layered` tells what came of it by layers. Throws a ConflictError while
 * one of the other sort is waiting or running, and a TooManyRequestsError.
 */
export async function startReindex(
  services: Services,
  viewer: Viewer | null,
  { layered, requestId }: { layered: boolean; requestId?: string },
): Promise<BackgroundTask> {
  requireScope(viewer, 'admin');
  await services.limits.spend('sync', viewer);
  return startBackgroundTask(services, viewer, 'REINDEX', { layered }, { requestId });
}

/**
 * Takes the next few of a user's conversations out of the index, so that they wait for it again; answers the last one,
 * null when there is none behind `after`.
 */
export async function unindexSome(
  services: Services,
  userId: string,
  after: string | null,
): Promise<{ last: string; count: number } | null> {
  return services.database.transaction(async (tx) => {
    const rows = await tx.query<{ id: string }>(
      `SELECT id FROM conversations WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3 FOR NO KEY UPDATE`,
      [userId, after ?? NIL, BATCH_CONVERSATIONS],
    );
    const last = rows.at(-1);
    if (!last) return null;
    const ids = rows.map(({ id }) => id);
    await tx.execute('DELETE FROM message_search WHERE user_id = $1 AND conversation_id = ANY($2::uuid[])', [
      userId,
      ids,
    ]);
    await tx.execute(
      'UPDATE conversations SET search_pending = true WHERE user_id = $1 AND id = ANY($2::uuid[])',
      [userId, ids],
    );
    return { last: last.id, count: ids.length };
  });
}

export interface IndexCounts {
  /** Of messages; a long one has several. */
  message: number;
  /** Always none: what an exchange holds is put together from its messages when it is looked for. */
  exchange: number;
  /** Of titles. */
  conversation: number;
}

/** The vectors (PostgreSQL's tsvector) of a user's search index, by layer. */
export async function countVectors(services: Services, userId: string): Promise<IndexCounts> {
  const [row] = await services.database.query<{ message: number; conversation: number }>(
    `SELECT count(*) FILTER (WHERE node_id <> '')::int AS message, count(*) FILTER (WHERE node_id = '')::int AS conversation
     FROM message_search WHERE user_id = $1`,
    [userId],
  );
  return { message: row?.message ?? 0, exchange: 0, conversation: row?.conversation ?? 0 };
}

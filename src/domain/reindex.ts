import { z } from 'zod';
import type { BackgroundTask } from '../generated/prisma/client.ts';
import { startBackgroundTask } from './background/task.ts';
import type { Services } from './services.ts';
import { requireScope, type Viewer } from './viewer.ts';

/** The last conversation that is in the index anew, and how many are; null at the beginning. */
export const reindexCheckpoint = z.strictObject({ last: z.uuid(), done: z.int() }).nullable();

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

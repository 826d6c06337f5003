/**
 * Archives whose bytes were changed on their way. A checksum stands behind the data that it is of, so that what a damaged shard
 * holds is in before anybody knows: it stays, but gives way to any other form of the same conversation and time.
 */
import type { Services, Transaction } from '../services.ts';
import type { Lease } from '../sync/lease.ts';
import { mergeAllIntoExisting } from './merge.ts';
import type { Problem } from './problems.ts';

/** What is wrong with a shard of which any conversation may be wrong. */
export const DAMAGE_CODES = ['ZIP_BAD_CRC', 'ZIP_BAD_DATA', 'ZIP_BAD_SIZE'];

/** Whether a shard turned out to be damaged of which some is in. */
export const isDamage = ({ code, element, restOfShard }: Problem): boolean =>
  restOfShard === true && (element ?? 0) > 0 && DAMAGE_CODES.includes(code);

/**
 * Notes that all which a task has brought so far may be damaged, and merges anew what was known before. Which shard each came from
 * is not kept: a form that is marked without need differs in nothing but its place among others of its time.
 */
export async function markDamaged(services: Services, tx: Transaction, lease: Lease): Promise<void> {
  const { userId, taskId } = lease;
  const marked = await tx.query<{ id: string }>(
    `WITH marked AS (
       UPDATE conversation_versions SET damaged = true WHERE user_id = $1 AND task_id = $2 AND NOT damaged
       RETURNING conversation_id, updated_at
     )
     SELECT DISTINCT conversation_id AS id FROM marked m
     WHERE EXISTS (SELECT FROM conversation_versions v WHERE v.user_id = $1 AND v.conversation_id = m.conversation_id
       AND v.task_id <> $2 AND v.updated_at IS NOT DISTINCT FROM m.updated_at)`,
    [userId, taskId],
  );
  await mergeAllIntoExisting(
    services,
    tx,
    userId,
    marked.map(({ id }) => id),
  );
}

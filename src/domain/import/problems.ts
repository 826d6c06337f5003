import type { ProblemOutcome } from '../../generated/prisma/client.ts';
import type { Services, Transaction } from '../services.ts';
import { type Lease, lockTask } from '../sync/lease.ts';

/** Why a conversation did not arrive whole, and where it stands in the export. */
export interface Problem {
  outcome: ProblemOutcome;
  code: string;
  reason: string;
  externalId?: string | null;
  title?: string | null;
  shard?: string;
  element?: number;
  /** The shard broke off at `element`. */
  restOfShard?: boolean;
  conversationId?: string;
}

/** So many warnings of one task are kept; of more it is told how many there were. What failed is always kept. */
const MAX_WARNINGS = 1_000;
const MORE_WARNINGS = 'MORE_WARNINGS';

/**
 * Problems of the export itself, outside of any batch; those that a run before a crash recorded are not repeated.
 * Throws a LeaseLostError when this worker is not the holder.
 */
export async function recordProblems(services: Services, lease: Lease, problems: Problem[]): Promise<void> {
  if (problems.length === 0) return;
  await services.database.transaction(async (tx) => {
    await lockTask(tx, lease);
    const rows = await tx.query<{ code: string; reason: string }>(
      'SELECT code, reason FROM sync_problems WHERE user_id = $1 AND task_id = $2 AND code = ANY($3)',
      [lease.userId, lease.taskId, [...new Set(problems.map(({ code }) => code))]],
    );
    const known = new Set(rows.map(({ code, reason }) => `${code} ${reason}`));
    const fresh = problems.filter((problem) => !known.has(`${problem.code} ${cutReason(problem)}`));
    await writeProblems(tx, lease, fresh);
  });
}

const cutReason = (problem: Problem) => problem.reason.slice(0, 2_000);

/** Adds to the task's problems, numbered on from those that are there; needs the task's row locked. */
export async function writeProblems(tx: Transaction, lease: Lease, problems: Problem[]): Promise<void> {
  const warnings = problems.filter(({ outcome }) => outcome === 'WARNING').length;
  if (warnings === 0) return insertProblems(tx, lease, problems);
  const [told] = await tx.query<{ warnings: number; more: number }>(
    `SELECT count(*) FILTER (WHERE code <> $3)::int AS warnings,
       coalesce(max(substring(reason FROM '^\\d+')::int) FILTER (WHERE code = $3), 0) AS more
     FROM sync_problems WHERE user_id = $1 AND task_id = $2 AND outcome = 'WARNING'`,
    [lease.userId, lease.taskId, MORE_WARNINGS],
  );
  let room = MAX_WARNINGS - (told?.warnings ?? 0);
  const kept = problems.filter(({ outcome }) => {
    if (outcome !== 'WARNING') return true;
    room -= 1;
    return room >= 0;
  });
  const left = problems.length - kept.length;
  await insertProblems(tx, lease, kept);
  if (left === 0) return;
  await tx.execute('DELETE FROM sync_problems WHERE user_id = $1 AND task_id = $2 AND code = $3', [
    lease.userId,
    lease.taskId,
    MORE_WARNINGS,
  ]);
  const reason = `${left + (told?.more ?? 0)} more warnings are not listed; one that a crash repeated counts again.`;
  await insertProblems(tx, lease, [{ outcome: 'WARNING', code: MORE_WARNINGS, reason }]);
}

async function insertProblems(
  tx: Pick<Transaction, 'execute'>,
  lease: Lease,
  problems: Problem[],
): Promise<void> {
  if (problems.length === 0) return;
  const column = <T>(pick: (problem: Problem) => T) => problems.map(pick);
  await tx.execute(
    `INSERT INTO sync_problems (user_id, task_id, ordinal, outcome, code, reason, external_id, title, entry, element,
       rest_of_shard, conversation_id)
     SELECT $1, $2, last.ordinal + number, outcome::"ProblemOutcome", code, reason, external_id, title, entry, element,
       rest_of_shard, conversation_id
     FROM (SELECT coalesce(max(ordinal), 0) AS ordinal FROM sync_problems
         WHERE user_id = $1 AND task_id = $2) AS last,
       unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::int[],
         $10::bool[], $11::uuid[])
         WITH ORDINALITY AS p (outcome, code, reason, external_id, title, entry, element, rest_of_shard, conversation_id, number)`,
    [
      lease.userId,
      lease.taskId,
      column((problem) => problem.outcome),
      column((problem) => problem.code),
      column(cutReason),
      column((problem) => problem.externalId?.slice(0, 500) ?? null),
      column((problem) => problem.title?.slice(0, 500) ?? null),
      column((problem) => problem.shard ?? null),
      column((problem) => problem.element ?? null),
      column((problem) => problem.restOfShard ?? false),
      column((problem) => problem.conversationId ?? null),
    ],
  );
}

/**
 * Takes away the problems of elements that have a new outcome. What is left of a shard that broke off begins behind them: a
 * retry that comes after this one does not count them again.
 */
export async function clearRetried(
  tx: Pick<Transaction, 'execute'>,
  lease: Lease,
  places: { shard: string; element: number }[],
): Promise<void> {
  if (places.length === 0) return;
  await tx.execute(
    `WITH places AS (SELECT * FROM unnest($3::text[], $4::int[]) AS place (entry, element)), moved AS (
       UPDATE sync_problems p SET element = written.next
       FROM (SELECT entry, max(element) + 1 AS next FROM places GROUP BY entry) AS written
       WHERE p.user_id = $1 AND p.task_id = $2 AND p.retrying AND p.rest_of_shard
         AND p.entry = written.entry AND p.element < written.next
     )
     DELETE FROM sync_problems p USING places
     WHERE p.user_id = $1 AND p.task_id = $2 AND p.retrying AND NOT p.rest_of_shard
       AND p.entry = places.entry AND p.element = places.element`,
    [lease.userId, lease.taskId, places.map((place) => place.shard), places.map((place) => place.element)],
  );
}

/**
 * Takes away what is known of the ends of shards that were read again, by a retry or after a crash, to their end or to
 * where they break off now.
 */
export async function clearBrokenShards(
  tx: Pick<Transaction, 'execute'>,
  lease: Lease,
  shards: string[],
): Promise<void> {
  if (shards.length === 0) return;
  await tx.execute(
    'DELETE FROM sync_problems WHERE user_id = $1 AND task_id = $2 AND rest_of_shard AND entry = ANY($3)',
    [lease.userId, lease.taskId, shards],
  );
}

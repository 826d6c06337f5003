import type { SyncStatus } from '../../generated/prisma/client.ts';
import { noteWriteIn } from '../reading.ts';
import type { Services, Transaction } from '../services.ts';
import { rememberArchive } from './known-archive.ts';
import { announce, type Lease, LeaseLostError, type Tally, writeTask } from './lease.ts';
import { alignSchedule, noteFailure, noteSuccess } from './schedule.ts';

/** What is in, and what was found that is no conversation or could not be read. */
type Found = Tally & {
  strangers: number;
  first_stranger: string | null;
  first_failure: string | null;
};

/**
 * Ends the task: COMPLETED when all that was found is in, PARTIAL when something is missing, FAILED when nothing came
 * of it or when `error` says why it could not go on; `tally` is counted first. An archive that was read to its end is
 * remembered by its hash, before anybody can know that the task is over. Answers which. Throws a LeaseLostError when it
 * is not this worker's any more.
 */
export async function finishTask(
  services: Services,
  lease: Lease,
  {
    error,
    tally,
    sha256,
  }: { error?: { code: string; message: string }; tally?: Tally; sha256?: Uint8Array | null } = {},
): Promise<SyncStatus> {
  const { seq, status } = await services.database.transaction(async (tx) => {
    if (tally) await writeTask(tx, lease, { tally });
    const [found] = await tx.query<Found>(
      `SELECT added, updated, unchanged, skipped, failed, strangers, first_stranger, first_failure
       FROM sync_tasks, (
         SELECT count(*) FILTER (WHERE outcome = 'SKIPPED' AND code = 'NOT_A_CONVERSATION')::int AS strangers,
           (array_agg(reason ORDER BY ordinal) FILTER (WHERE outcome = 'SKIPPED' AND code = 'NOT_A_CONVERSATION'))[1]
             AS first_stranger,
           (array_agg(reason ORDER BY ordinal) FILTER (WHERE outcome = 'FAILED'))[1] AS first_failure
         FROM sync_problems WHERE user_id = $1 AND task_id = $2) AS problems
       WHERE user_id = $1 AND id = $2 AND lease_token = $3 AND status = 'RUNNING' FOR UPDATE OF sync_tasks`,
      [lease.userId, lease.taskId, lease.token],
    );
    if (!found) throw new LeaseLostError();
    found.failed += await giveUpRetries(tx, lease);
    const ending = error ? { status: 'FAILED' as const, error } : judge(found);
    const failed = ending.status === 'FAILED';
    const [row] = await tx.query<{ seq: number; begunAt: Date; isRun: boolean }>(
      `UPDATE sync_tasks SET status = $3::"SyncStatus", error_code = $4, error_message = $5, phase = 'DONE',
         fraction = CASE WHEN $6 THEN fraction ELSE 1 END,
         conversations_total = CASE WHEN $6 THEN conversations_total ELSE conversations_done END,
         per_second = NULL, eta_seconds = NULL, heartbeat_at = NULL, lease_token = NULL, finished_at = now(),
         seq = seq + 1, retrying = retrying AND $6,
         source_sealed = CASE WHEN $3::text = 'COMPLETED' THEN NULL ELSE source_sealed END
       WHERE user_id = $1 AND id = $2
       RETURNING seq, created_at AS "begunAt", trigger = 'SCHEDULED' AND queued_at = created_at AS "isRun"`,
      [
        lease.userId,
        lease.taskId,
        ending.status,
        ending.error?.code ?? null,
        ending.error?.message ?? null,
        failed,
      ],
    );
    if (ending.error) {
      // What its user tries again is no further run of the schedule.
      if (row?.isRun) await noteFailure(tx, lease.userId, ending.error.message, row.begunAt);
    } else await noteSuccess(tx, lease.userId, lease.origin?.kind === 'url');
    // Waits for a deletion that is about to end, so that what is remembered goes by it.
    await noteWriteIn(tx, lease.userId);
    if (sha256) await rememberArchive(tx, lease, sha256);
    return { seq: row?.seq ?? 0, status: ending.status };
  });
  services.metrics.taskEnded({ lane: 'sync', status });
  await announce(services, lease, seq);
  await alignSchedule(services, lease.userId);
  return status;
}

/** What a retry was to import and did not meet again has failed as before. Answers how many conversations that are. */
export async function giveUpRetries(
  tx: Transaction,
  lease: Pick<Lease, 'userId' | 'taskId'>,
): Promise<number> {
  const [row] = await tx.query<{ conversations: number }>(
    `WITH left_over AS (
       UPDATE sync_problems SET retrying = false WHERE user_id = $1 AND task_id = $2 AND retrying
       RETURNING rest_of_shard
     ), counted AS (SELECT count(*) FILTER (WHERE NOT rest_of_shard)::int AS conversations FROM left_over)
     UPDATE sync_tasks SET failed = failed + conversations, conversations_done = conversations_done + conversations
     FROM counted WHERE user_id = $1 AND id = $2 RETURNING conversations`,
    [lease.userId, lease.taskId],
  );
  return row?.conversations ?? 0;
}

/** The counts decide how a run ended, so that success can never hide a failure. */
function judge(found: Found): { status: SyncStatus; error?: { code: string; message: string } } {
  const arrived = found.added + found.updated + found.unchanged + found.skipped - found.strangers;
  if (arrived > 0) {
    return { status: found.failed > 0 || found.first_failure !== null ? 'PARTIAL' : 'COMPLETED' };
  }
  if (found.failed > 0) {
    const first = found.first_failure === null ? '' : ` The first: ${found.first_failure}`;
    const message = `Not one conversation of the export could be imported; see its problems.${first}`;
    return { status: 'FAILED', error: { code: 'NOTHING_IMPORTED', message } };
  }
  const reasons = [found.first_failure, found.strangers > 0 ? describeStrangers(found) : null];
  const message = reasons.filter(Boolean).join(' ') || 'The export holds no conversation.';
  return { status: 'FAILED', error: { code: 'NOTHING_FOUND', message } };
}

const describeStrangers = ({ strangers, first_stranger }: Found): string =>
  `The export holds no conversation but ${strangers} other elements. The first: ${first_stranger} ` +
  'Supported are exports of ChatGPT and Claude.';

/**
 * When a user's schedule is due. The row of `sync_configs` is the truth; a job scheduler in the queue follows it, and is
 * made anew from the row when the queue has lost it.
 */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { SyncConfig } from '../../generated/prisma/client.ts';
import { recordAudit } from '../audit.ts';
import type { Services, Transaction } from '../services.ts';
import { nowhere } from '../viewer.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Over so long what would begin at one moment is spread. */
const SPREAD_MS = HOUR_MS;
/** After the first failure; twice as long after each further one, and never longer than the schedule itself. */
const BACKOFF_MS = 15 * MINUTE_MS;
/** So many failures in a row pause a schedule. */
export const MAX_FAILURES_IN_A_ROW = 5;
/** How late a job may be before somebody looks whether it is still there. */
const OVERDUE_MS = MINUTE_MS;
/** Schedules compared with the queue at a time. */
const PAGE = 200;

type Schedule = Pick<SyncConfig, 'userId' | 'enabled' | 'frequencyHours' | 'nextSyncAt' | 'pausedAt'>;

/** By SQL, as all that a worker does for a sync: the engine of Prisma's client would take tens of megabytes there. */
const SELECT_SCHEDULE = `SELECT user_id AS "userId", enabled, frequency_hours AS "frequencyHours", next_sync_at AS "nextSyncAt",
  paused_at AS "pausedAt" FROM sync_configs`;

/** Of a user's scheduler in the queue. A hash, for what the queue remembers of its events outlives an account. */
export const schedulerIdOf = (userId: string) => `sync-${createHash('sha256').update(userId).digest('hex')}`;
export const everyMs = (frequencyHours: number) => frequencyHours * HOUR_MS;

/** 0 to 1, always the same for a user: the random end of their id. */
const jitter = (userId: string) => Number.parseInt(userId.slice(-8), 16) / 2 ** 32;

/** Within the next hour, or later when a sync came in less than one interval ago; always the same minute of it for a user. */
export function firstDueAt(userId: string, frequencyHours: number, lastSyncAt: Date | null): Date {
  const earliest = Math.max(Date.now(), (lastSyncAt?.getTime() ?? 0) + everyMs(frequencyHours));
  return new Date(earliest + Math.round(jitter(userId) * SPREAD_MS));
}

/** How long to wait after so many failures in a row, in milliseconds. */
export function backoffMs(userId: string, failuresInARow: number, frequencyHours: number): number {
  const firstMs = Math.round(BACKOFF_MS * (1 + jitter(userId) / 2));
  return Math.min(firstMs * 2 ** (failuresInARow - 1), everyMs(frequencyHours));
}

export function pauseReason({ pausedAt, failuresInARow, lastFailure }: SyncConfig): string | null {
  if (!pausedAt) return null;
  const last = lastFailure === null ? '' : ` The last said: ${lastFailure}`;
  return `Paused after ${failuresInARow} failures in a row.${last} A successful sync from a URL or a new configuration ends the pause.`;
}

/**
 * A scheduled sync failed that was begun then, or was to be begun now: later again, or a pause when it is one too many. Says
 * nothing about a schedule that was set anew since. The schedule is to be aligned after the commit.
 */
export async function noteFailure(
  tx: Transaction,
  userId: string,
  message: string,
  begunAt: Date | null = null,
): Promise<void> {
  const [config] = await tx.query<{ enabled: boolean; failuresInARow: number; frequencyHours: number }>(
    `UPDATE sync_configs SET failures_in_a_row = failures_in_a_row + 1, last_failure = $2
     WHERE user_id = $1 AND updated_at < coalesce($3, now())
     RETURNING enabled, failures_in_a_row AS "failuresInARow", frequency_hours AS "frequencyHours"`,
    [userId, message.slice(0, 500), begunAt],
  );
  if (!config?.enabled) return;
  const { failuresInARow, frequencyHours } = config;
  if (failuresInARow < MAX_FAILURES_IN_A_ROW) {
    await tx.execute('UPDATE sync_configs SET next_sync_at = $2 WHERE user_id = $1', [
      userId,
      new Date(Date.now() + backoffMs(userId, failuresInARow, frequencyHours)),
    ]);
    return;
  }
  await tx.execute('UPDATE sync_configs SET next_sync_at = NULL, paused_at = now() WHERE user_id = $1', [
    userId,
  ]);
  const nobody = { userId, credential: null, origin: nowhere };
  await recordAudit(tx, nobody, 'sync.paused', `after ${failuresInARow} failures in a row: ${message}`);
}

/**
 * A sync brought something in, or found nothing new. One that `fetched` ends failures and a pause; an archive that was sent,
 * or lay on this server, says nothing about the source.
 */
export async function noteSuccess(tx: Transaction, userId: string, fetched: boolean): Promise<void> {
  await tx.execute(
    `UPDATE sync_configs SET last_sync_at = now(),
       next_sync_at = CASE WHEN $2 AND enabled AND failures_in_a_row > 0
         THEN now() + make_interval(hours => frequency_hours) ELSE next_sync_at END,
       failures_in_a_row = CASE WHEN $2 THEN 0 ELSE failures_in_a_row END,
       last_failure = CASE WHEN $2 THEN NULL ELSE last_failure END,
       paused_at = CASE WHEN $2 THEN NULL ELSE paused_at END
     WHERE user_id = $1`,
    [userId, fetched],
  );
}

/** Makes the queue follow the row. What does not work now, the reconciler mends. */
export async function alignSchedule(services: Services, userId: string): Promise<void> {
  try {
    await align(services, userId, await readSchedule(services, userId));
  } catch (error) {
    services.logger.warn({ error }, 'a schedule was not brought to the queue; the reconciler will do it');
  }
}

async function readSchedule({ database }: Services, userId: string): Promise<Schedule | null> {
  const [schedule] = await database.query<Schedule>(`${SELECT_SCHEDULE} WHERE user_id = $1`, [userId]);
  return schedule ?? null;
}

/**
 * Brings what was read of a row to the queue. Who changed the row meanwhile may have brought theirs there before: so after
 * each change of the queue the row is read again, until it says what the queue was told.
 */
async function align(services: Services, userId: string, read: Schedule | null): Promise<void> {
  let schedule = read;
  while (await alignOnce(services, userId, schedule)) {
    const now = await readSchedule(services, userId);
    if (isDeepStrictEqual(now, schedule)) return;
    schedule = now;
  }
}

/** Whether the queue had to be changed. */
async function alignOnce(services: Services, userId: string, schedule: Schedule | null): Promise<boolean> {
  const id = schedulerIdOf(userId);
  const planned = await services.queue.scheduled(id);
  if (!schedule?.enabled || schedule.pausedAt) {
    if (planned) await services.queue.unschedule(id);
    return planned !== null;
  }
  const { frequencyHours } = schedule;
  const recurrence = { everyMs: everyMs(frequencyHours), nextAt: schedule.nextSyncAt ?? new Date(0) };
  const { nextAt } = recurrence;
  const follows = planned?.everyMs === recurrence.everyMs && planned.nextAt.getTime() === nextAt.getTime();
  if (follows) return false;
  // One that is due now is queued at once: should a worker be about to begin it, the row lets one of them.
  if (Date.now() - nextAt.getTime() >= OVERDUE_MS) {
    // Nobody was there when it was due, and perhaps for many users: they begin one after the other.
    recurrence.nextAt = firstDueAt(userId, frequencyHours, null);
    const moved = await services.database.query(
      `UPDATE sync_configs SET next_sync_at = $3
       WHERE user_id = $1 AND enabled AND paused_at IS NULL AND next_sync_at IS NOT DISTINCT FROM $2
       RETURNING user_id`,
      [userId, schedule.nextSyncAt, recurrence.nextAt],
    );
    // Somebody else moved it, and brings that to the queue.
    if (moved.length === 0) return false;
  }
  await services.queue.schedule('scheduledSync', { userId }, id, recurrence);
  return true;
}

/**
 * Compares one page of schedules with the queue and mends what the queue has lost, and all that are overdue. Answers where
 * the next page begins; null when it was the last.
 */
export async function reconcileSchedules(services: Services, after: string | null): Promise<string | null> {
  const overdue = await services.database.query<Schedule>(
    `${SELECT_SCHEDULE} WHERE enabled AND paused_at IS NULL AND next_sync_at < $1 ORDER BY next_sync_at LIMIT $2`,
    [new Date(Date.now() - OVERDUE_MS), PAGE],
  );
  const page = await services.database.query<Schedule>(
    `${SELECT_SCHEDULE} WHERE enabled AND paused_at IS NULL AND ($1::uuid IS NULL OR user_id > $1)
     ORDER BY user_id LIMIT $2`,
    [after, PAGE],
  );
  for (const schedule of [...overdue, ...page]) await align(services, schedule.userId, schedule);
  return page.length < PAGE ? null : (page.at(-1)?.userId ?? null);
}

import { ConflictError, DomainError } from '../errors.ts';
import type { Services, Transaction } from '../services.ts';
import { nowhere, type Viewer } from '../viewer.ts';
import { alignSchedule, noteFailure } from './schedule.ts';
import { startFetch } from './task.ts';

/** How far the clocks of the queue and of the database may disagree; far less than any schedule or backoff. */
const CLOCK_MARGIN_SECONDS = 60;
/** When another sync of the user's is in the way. */
const LATER_MINUTES = 15;

/** Of the row of the user $1, with the margin $2. */
const IS_DUE = `user_id = $1 AND enabled AND paused_at IS NULL AND next_sync_at <= now() + make_interval(secs => $2)`;

/** Undoes what was begun for a schedule that turned out not to be due, or to be somebody else's by now. */
class NotDueError extends Error {}

/**
 * Starts a user's sync if their schedule is due. The row moves on in the transaction that makes the task, so that of several
 * callers one starts it, and none loses it. What fails before there is a task counts as a failure of the schedule.
 */
export async function runScheduledSync(services: Services, userId: string): Promise<void> {
  const viewer: Viewer = { userId, scopes: new Set(['write']), credential: null, origin: nowhere };
  try {
    await startFetch(services, viewer, {
      trigger: 'SCHEDULED',
      exportUrl: null,
      also: (tx) => moveOn(tx, userId),
    });
  } catch (error) {
    if (error instanceof ConflictError) {
      await services.database.query(
        `UPDATE sync_configs SET next_sync_at = now() + make_interval(mins => $3) WHERE ${IS_DUE}`,
        [userId, CLOCK_MARGIN_SECONDS, LATER_MINUTES],
      );
    } else if (error instanceof DomainError) await noteFailureWhenDue(services, userId, error.message);
    else if (!(error instanceof NotDueError)) throw error;
  }
  await alignSchedule(services, userId);
}

/** Throws a NotDueError. */
async function moveOn(tx: Transaction, userId: string): Promise<void> {
  const moved = await tx.execute(
    `UPDATE sync_configs SET next_sync_at = CASE
       WHEN next_sync_at + make_interval(hours => frequency_hours) > now()
         THEN next_sync_at + make_interval(hours => frequency_hours)
       ELSE now() + make_interval(hours => frequency_hours) END
     WHERE ${IS_DUE}`,
    [userId, CLOCK_MARGIN_SECONDS],
  );
  if (moved === 0) throw new NotDueError();
}

async function noteFailureWhenDue(services: Services, userId: string, message: string): Promise<void> {
  await services.database
    .transaction(async (tx) => {
      await moveOn(tx, userId);
      await noteFailure(tx, userId, message);
    })
    .catch((error) => {
      if (!(error instanceof NotDueError)) throw error;
    });
}

import { ConflictError, DomainError } from '../errors.ts';
import type { Services } from '../services.ts';
import { nowhere, type Viewer } from '../viewer.ts';
import { alignSchedule, noteFailure } from './schedule.ts';
import { startFetch } from './task.ts';

/** How far the clocks of the queue and of the database may disagree; far less than any schedule or backoff. */
const CLOCK_MARGIN_SECONDS = 60;
/** When another sync of the user's is in the way. */
const LATER_MINUTES = 15;

/**
 * Starts a user's sync if their schedule is due: the row is moved on first, so that of several callers one starts it. What
 * fails before there is a task counts as a failure of the schedule.
 */
export async function runScheduledSync(services: Services, userId: string): Promise<void> {
  const [due] = await services.database.query(
    `UPDATE sync_configs SET next_sync_at = CASE
       WHEN next_sync_at + make_interval(hours => frequency_hours) > now()
         THEN next_sync_at + make_interval(hours => frequency_hours)
       ELSE now() + make_interval(hours => frequency_hours) END
     WHERE user_id = $1 AND enabled AND paused_at IS NULL
       AND next_sync_at <= now() + make_interval(secs => $2) RETURNING user_id`,
    [userId, CLOCK_MARGIN_SECONDS],
  );
  if (due) await start(services, userId);
  await alignSchedule(services, userId);
}

async function start(services: Services, userId: string): Promise<void> {
  const viewer: Viewer = { userId, scopes: new Set(['write']), credential: null, origin: nowhere };
  try {
    await startFetch(services, viewer, { trigger: 'SCHEDULED', exportUrl: null });
  } catch (error) {
    if (error instanceof ConflictError) {
      await services.database.query(
        `UPDATE sync_configs SET next_sync_at = now() + make_interval(mins => $2)
         WHERE user_id = $1 AND enabled AND paused_at IS NULL`,
        [userId, LATER_MINUTES],
      );
    } else if (error instanceof DomainError) {
      await services.database.transaction((tx) => noteFailure(tx, userId, error.message));
    } else throw error;
  }
}

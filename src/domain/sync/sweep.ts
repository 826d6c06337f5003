import type { Services } from '../services.ts';

/** For so long a task that did not bring everything in can be retried without a new download or upload. */
const KEEP_DAYS = 7;

/** Removes archives that no task can need any more. */
export async function sweepArchives(services: Services): Promise<void> {
  await services.workspace.sweep(async (taskId) => {
    const needed = await services.database.query(
      `SELECT FROM sync_tasks WHERE id = $1 AND (finished_at IS NULL OR
         (status IN ('PARTIAL', 'FAILED', 'CANCELLED') AND finished_at > now() - make_interval(days => $2)))`,
      [taskId, KEEP_DAYS],
    );
    return needed.length > 0;
  });
}

import type { SyncTask } from '../../generated/prisma/client.ts';
import { recordAudit } from '../audit.ts';
import { removeContents } from '../contents.ts';
import { TABLES_WITHOUT_KEY } from '../conversation/tables.ts';
import { NotFoundError } from '../errors.ts';
import { mergeAllIntoExisting } from '../import/merge.ts';
import { noteWriteIn } from '../reading.ts';
import { indexSomePending } from '../search-index.ts';
import type { Services, Transaction } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { announce } from './lease.ts';
import { getSyncTask, isSecondTask, refuseSecondTask } from './task.ts';
import { listTouchedAssets, takeBackAssets } from './undo-assets.ts';

/**
 * Takes back what a task brought, in one transaction: the versions that came with it go, conversations without any
 * other version go, the others become the merge of those that stay. Counts and problems stay as the record of the run.
 * Throws a NotFoundError, and a ConflictError while any task of the viewer's is unfinished.
 */
export async function undoSync(services: Services, viewer: Viewer | null, taskId: string): Promise<SyncTask> {
  requireScope(viewer, 'write');
  const { userId } = viewer;
  const present = await getSyncTask(services, viewer, taskId);
  if (!present) throw new NotFoundError('sync task');
  await refuseSecondTask(services, userId);
  if (present.status === 'UNDONE') return present;
  let taken: Taken | null;
  try {
    taken = await services.database.transaction(async (tx) => {
      const taken = await takeBack(services, tx, userId, taskId);
      if (taken) await recordAudit(tx, viewer, 'sync.undone', present.source);
      return taken;
    });
  } catch (error) {
    // A sync began in between.
    if (isSecondTask(error)) await refuseSecondTask(services, userId);
    throw error;
  }
  // A retry of it, or another undo, came in between.
  if (!taken) return undoSync(services, viewer, taskId);
  await announce(services, { userId, taskId }, taken.seq);
  await clearAway(services, userId, taskId, taken.orphans);
  const task = await getSyncTask(services, viewer, taskId);
  if (!task) throw new NotFoundError('sync task');
  return task;
}

interface Taken {
  seq: number;
  /** Hashes of contents that nothing points to any more. */
  orphans: Buffer[];
}

/** What follows the commit: by then the task is undone, and workers sweep up what fails here of archive and search index. */
async function clearAway(
  services: Services,
  userId: string,
  taskId: string,
  orphans: Buffer[],
): Promise<void> {
  await removeContents(services, userId, orphans);
  try {
    await services.workspace.removeArchive(taskId);
  } catch (error) {
    services.logger.warn(
      { error, taskId },
      'the archive of an undone task stays until a worker sweeps it up',
    );
  }
  try {
    while ((await indexSomePending(services, userId)) > 0);
  } catch (error) {
    services.logger.warn({ error, taskId }, 'what an undone task left to be indexed waits for a worker');
  }
}

/** Null when nothing of this task is there to undo. */
async function takeBack(
  services: Services,
  tx: Transaction,
  userId: string,
  taskId: string,
): Promise<Taken | null> {
  const key = [userId, taskId];
  // Before anything that a retry of another task waits for: that has its row, and the end of this wants it as well.
  await tx.query('SELECT FROM sync_tasks WHERE user_id = $1 ORDER BY id FOR NO KEY UPDATE', [userId]);
  // For the length of the transaction the task counts as unfinished, so that no sync can begin beside it.
  const begun = await tx.execute(
    `UPDATE sync_tasks SET status = 'RUNNING'
     WHERE user_id = $1 AND id = $2 AND status IN ('COMPLETED', 'PARTIAL', 'FAILED', 'CANCELLED')`,
    key,
  );
  if (begun === 0) return null;
  await tx.execute('CREATE TEMP TABLE touched (id uuid PRIMARY KEY, gone boolean NOT NULL) ON COMMIT DROP');
  await tx.execute(
    `INSERT INTO touched
     SELECT conversation_id, bool_and(task_id = $2) FROM conversation_versions
     WHERE user_id = $1 AND conversation_id IN
       (SELECT conversation_id FROM conversation_versions WHERE user_id = $1 AND task_id = $2)
     GROUP BY conversation_id`,
    key,
  );
  // First, so that an indexer is through with their messages and its rows are seen below.
  await tx.query(
    `SELECT FROM conversations WHERE user_id = $1 AND id IN (SELECT id FROM touched) ORDER BY id
     FOR NO KEY UPDATE`,
    [userId],
  );
  await listTouchedAssets(tx, userId, taskId);
  await tx.execute('DELETE FROM conversation_versions WHERE user_id = $1 AND task_id = $2', key);
  for (const table of TABLES_WITHOUT_KEY) {
    await tx.execute(
      `DELETE FROM ${table} WHERE user_id = $1 AND conversation_id IN (SELECT id FROM touched WHERE gone)`,
      [userId],
    );
  }
  await tx.execute(
    'DELETE FROM conversations WHERE user_id = $1 AND id IN (SELECT id FROM touched WHERE gone)',
    [userId],
  );
  const remaining = await tx.query<{ id: string }>('SELECT id FROM touched WHERE NOT gone');
  await mergeAllIntoExisting(
    services,
    tx,
    userId,
    remaining.map(({ id }) => id),
  );
  const orphans = await takeBackAssets(services, tx, userId, taskId);
  // Behind all other locks, as in a deletion.
  await noteWriteIn(tx, userId);
  // Any archive may have held what now is gone: each has to be read again.
  await tx.execute('DELETE FROM imported_archives WHERE user_id = $1', [userId]);
  // So may what a task has read that was stopped: when it goes on, it does so from the beginning.
  await tx.execute(
    `UPDATE sync_tasks SET checkpoint = NULL
     WHERE user_id = $1 AND id <> $2 AND checkpoint IS NOT NULL AND status IN ('CANCELLED', 'FAILED')`,
    key,
  );
  // By the clock: whoever watches looks for what was undone lately, and the transaction may have been long.
  const [undone] = await tx.query<{ seq: number }>(
    `UPDATE sync_tasks SET status = 'UNDONE', phase = 'DONE', seq = seq + 1, source_sealed = NULL,
       undone_at = clock_timestamp()
     WHERE user_id = $1 AND id = $2 RETURNING seq`,
    key,
  );
  return { seq: undone?.seq ?? 0, orphans };
}

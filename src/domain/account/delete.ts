import { setTimeout as delay } from 'node:timers/promises';
import { recordAudit } from '../audit.ts';
import { cancelBackgroundTask } from '../background/cancel.ts';
import { backgroundJobId } from '../background/task.ts';
import { removeAllUnnamed, removeUnnamed } from '../contents.ts';
import { InvalidInputError, NotFoundError } from '../errors.ts';
import type { HeldLease } from '../lease.ts';
import type { Services, StoredFile, Transaction } from '../services.ts';
import { cancelSync } from '../sync/cancel.ts';
import { alignSchedule } from '../sync/schedule.ts';
import { jobIdOf } from '../sync/task.ts';
import { nowhere, requireScope, type Viewer } from '../viewer.ts';

/** What a user types who means it, besides their own e-mail address. */
const PHRASE = 'delete my account';

/** How long workers get to let go of the user's tasks; whatever they write later is refused. */
const LET_GO_MS = 10_000;
const LOOK_AGAIN_MS = 50;

/**
 * Deletes the viewer's account with everything in it, at once and for good: work is stopped, then files go, then all rows
 * in one transaction. Whoever is cut off before its end finds an account that can be deleted again. What stays is a note
 * without a name in the owner's audit trail. The owner's own account is empty afterwards, under the same id, so that the
 * server's key goes on opening it in every process. Throws an InvalidInputError unless `confirm` is the user's e-mail
 * address or "delete my account".
 */
export async function deleteAccount(
  services: Services,
  viewer: Viewer | null,
  confirm: string,
): Promise<{ deletedAt: Date }> {
  requireScope(viewer, 'write');
  const { userId } = viewer;
  const user = await services.prisma.user.findUnique({ where: { id: userId } });
  if (!user) throw new NotFoundError('account');
  const said = confirm.trim().toLowerCase();
  if (said !== PHRASE && said !== user.email?.toLowerCase()) {
    const message = `To delete your account for good, confirm with your e-mail address or with "${PHRASE}".`;
    throw new InvalidInputError([{ path: ['confirm'], message, type: 'unconfirmed' }]);
  }

  let tasks: Tasks | null = null;
  // Until no new task has begun in between.
  while (!tasks) {
    await stopWork(services, viewer);
    await services.files.removeAll(userId);
    tasks = await services.database.transaction((tx) => deleteRows(tx, userId));
  }
  // What was being written while the rows went; to the owner's new account something may have come already.
  await removeAllUnnamed(services, userId);
  await clearWorkspace(services, userId, tasks);
  await alignSchedule(services, userId);
  await services.events.publish('credentialEnded', userId, { userId }).catch((error) => {
    services.logger.warn({ error }, 'streams of a deleted account learn of it at their next look');
  });
  services.logger.info({}, 'an account was deleted');
  return { deletedAt: new Date() };
}

interface Tasks {
  syncs: string[];
  others: string[];
}

async function stopWork(services: Services, viewer: Viewer): Promise<void> {
  const where = { userId: viewer.userId, status: { in: ['QUEUED' as const, 'RUNNING' as const] } };
  const syncs = await services.prisma.syncTask.findMany({ where, select: { id: true } });
  const others = await services.prisma.backgroundTask.findMany({ where, select: { id: true } });
  for (const { id } of syncs) await cancelSync(services, viewer, id);
  for (const { id } of others) await cancelBackgroundTask(services, viewer, id);
  const deadlineMs = performance.now() + LET_GO_MS;
  for (const jobId of [
    ...syncs.map(({ id }) => jobIdOf(id)),
    ...others.map(({ id }) => backgroundJobId(id)),
  ]) {
    while (performance.now() < deadlineMs && (await services.queue.isAlive(jobId)))
      await delay(LOOK_AGAIN_MS);
  }
}

/** Answers the tasks that the user had; null, with nothing changed, when one of them is unfinished. */
async function deleteRows(tx: Transaction, userId: string): Promise<Tasks | null> {
  // Every insert of a row of this user waits from here on, and is refused after the commit.
  const [user] = await tx.query<{ isOwner: boolean }>(
    'SELECT is_owner AS "isOwner" FROM users WHERE id = $1 FOR UPDATE',
    [userId],
  );
  if (!user) return { syncs: [], others: [] };
  const rows = await tx.query<{ id: string; isSync: boolean; isOver: boolean }>(
    `SELECT id, true AS "isSync", status NOT IN ('QUEUED', 'RUNNING') AS "isOver" FROM sync_tasks WHERE user_id = $1
     UNION ALL SELECT id, false, status NOT IN ('QUEUED', 'RUNNING') FROM background_tasks WHERE user_id = $1`,
    [userId],
  );
  if (rows.some(({ isOver }) => !isOver)) return null;
  // First, so that indexers are through with them before rows that have no foreign key go.
  await tx.execute('DELETE FROM conversations WHERE user_id = $1', [userId]);
  for (const table of await tablesOfUsers(tx)) {
    await tx.execute(`DELETE FROM "${table}" WHERE user_id = $1`, [userId]);
  }
  await tx.execute('DELETE FROM rate_limits WHERE position($1 IN key) > 0', [userId]);
  await tx.execute('DELETE FROM users WHERE id = $1', [userId]);
  if (user.isOwner) {
    await tx.execute(`INSERT INTO users (id, is_owner, display_name) VALUES ($1, true, 'Owner')`, [userId]);
  }
  const [owner] = await tx.query<{ id: string }>('SELECT id FROM users WHERE is_owner');
  if (owner) {
    const nobody = { userId: owner.id, credential: null, origin: nowhere };
    await recordAudit(tx, nobody, 'account.deleted');
  }
  return {
    syncs: rows.filter(({ isSync }) => isSync).map(({ id }) => id),
    others: rows.filter(({ isSync }) => !isSync).map(({ id }) => id),
  };
}

/** Asked of the database, so that a table that is added one day is not forgotten here. */
async function tablesOfUsers(tx: Transaction): Promise<string[]> {
  const rows = await tx.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.columns JOIN information_schema.tables
       USING (table_schema, table_name)
     WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' AND column_name = 'user_id'
     ORDER BY table_name`,
  );
  return rows.map(({ name }) => name);
}

/** Archives, uploads and what the queue remembers of finished jobs. */
async function clearWorkspace(services: Services, userId: string, { syncs, others }: Tasks): Promise<void> {
  await services.workspace.removeUploads(userId);
  for (const id of syncs) await services.workspace.removeArchive(id);
  for (const jobId of [...syncs.map(jobIdOf), ...others.map(backgroundJobId)]) {
    await services.queue.remove(jobId).catch((error) => {
      services.logger.warn({ error }, 'a job of a deleted account stays until the queue forgets it');
    });
  }
}

/** For a worker that was stopped while it wrote a file: when the account went meanwhile, so must that. */
export async function removeFilesOfNobody(services: Services, userId: string): Promise<void> {
  const users = await services.prisma.user.count({ where: { id: userId } });
  if (users === 0) await services.files.removeAll(userId);
}

/**
 * For a worker whose sync can no longer name the contents that it stored. While the task is there, somebody else may be
 * about to name the same; when it went with its account, nobody is, also where the owner's account began anew.
 */
export async function removeContentsOfDeleted(
  services: Services,
  lease: HeldLease,
  stored: Pick<StoredFile, 'sha256'>[],
): Promise<void> {
  const tasks = await services.prisma.syncTask.count({ where: { userId: lease.userId, id: lease.taskId } });
  if (tasks > 0) return;
  for (const { sha256 } of stored) await removeUnnamed(services, lease.userId, sha256);
}

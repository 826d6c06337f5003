import type { Services, Transaction } from './services.ts';

// Rows name contents and the file store has them, and no transaction spans both: hence a lock for each user. Who names
// contents shares it, who removes one has it alone from the look whether it is named to its removal.

const lockOf = (userId: string) => [`contents ${userId}`];

const holdContents = (tx: Transaction, userId: string) =>
  tx.execute('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', lockOf(userId));

/** Until the commit no content of the user's is removed. Comes before locks of rows. */
export async function keepContents(tx: Transaction, userId: string): Promise<void> {
  await tx.execute('SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))', lockOf(userId));
}

/**
 * Removes a content to which no row points, in a transaction of its own, after `forget`, which may take a row's mention of
 * it back; when it cannot be removed, the mention stays. The mention by a task `ownTaskId` counts only when that is over with
 * success: otherwise it is about to go.
 */
export async function removeUnnamed(
  services: Services,
  userId: string,
  sha256: Uint8Array,
  {
    ownTaskId = null,
    forget,
  }: { ownTaskId?: string | null; forget?(tx: Transaction): Promise<unknown> } = {},
): Promise<void> {
  await services.database.transaction(async (tx) => {
    await holdContents(tx, userId);
    await forget?.(tx);
    const [named] = await tx.query(
      `SELECT FROM assets WHERE user_id = $1 AND sha256 = $2
       UNION ALL SELECT FROM background_tasks
         WHERE user_id = $1 AND file_sha256 = $2 AND (id IS DISTINCT FROM $3::uuid OR status = 'COMPLETED')
       LIMIT 1`,
      [userId, sha256, ownTaskId],
    );
    if (!named) await services.files.remove(userId, sha256);
  });
}

/** For contents that a commit has left without a name: one that cannot be removed now only takes room. */
export async function removeContents(
  services: Services,
  userId: string,
  hashes: Uint8Array[],
): Promise<void> {
  for (const sha256 of hashes) {
    await removeUnnamed(services, userId, sha256).catch((error) => {
      services.logger.warn({ error }, 'the content of an attachment could not be removed');
    });
  }
}

/** Removes all that a user has in the file store, unless a row names something there. */
export async function removeAllUnnamed(services: Services, userId: string): Promise<void> {
  await services.database.transaction(async (tx) => {
    await holdContents(tx, userId);
    const [named] = await tx.query(
      `SELECT FROM assets WHERE user_id = $1 AND sha256 IS NOT NULL
       UNION ALL SELECT FROM background_tasks WHERE user_id = $1 AND file_sha256 IS NOT NULL LIMIT 1`,
      [userId],
    );
    if (!named) await services.files.removeAll(userId);
  });
}

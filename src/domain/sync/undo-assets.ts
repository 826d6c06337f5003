import { linksOf, upsertAssets } from '../import/asset-rows.ts';
import { mergeStored } from '../import/versions.ts';
import type { Services, Transaction } from '../services.ts';

/**
 * Lists, in the temporary table `touched_assets`, the files that a task brought or whose facts its conversations told.
 * Needs the table `touched` of those conversations, with all their rows still there.
 */
export async function listTouchedAssets(tx: Transaction, userId: string, taskId: string): Promise<void> {
  await tx.execute('CREATE TEMP TABLE touched_assets (id uuid PRIMARY KEY) ON COMMIT DROP');
  await tx.execute(
    `INSERT INTO touched_assets
     SELECT id FROM assets WHERE user_id = $1 AND task_id = $2
     UNION SELECT asset_id FROM message_assets
       WHERE user_id = $1 AND conversation_id IN (SELECT id FROM touched)`,
    [userId, taskId],
  );
}

/**
 * Takes back the contents that a task brought and what it told of files; files to which no message points any more go.
 * Answers the hashes of contents that nothing points to any more.
 */
export async function takeBackAssets(
  services: Services,
  tx: Transaction,
  userId: string,
  taskId: string,
): Promise<Buffer[]> {
  const brought = await tx.query<{ sha256: Buffer }>(
    `WITH brought AS (
       SELECT id, sha256 FROM assets WHERE user_id = $1 AND task_id = $2 FOR UPDATE
     )
     UPDATE assets SET sha256 = NULL, task_id = NULL FROM brought
     WHERE assets.user_id = $1 AND assets.id = brought.id RETURNING brought.sha256`,
    [userId, taskId],
  );
  // Files that another task brought are among them when only a message of this one pointed to them.
  const unlinked = await tx.query<{ sha256: Buffer | null }>(
    `DELETE FROM assets a WHERE user_id = $1 AND NOT EXISTS
       (SELECT FROM message_assets link WHERE link.user_id = $1 AND link.asset_id = a.id)
     RETURNING a.sha256`,
    [userId],
  );
  await tellFactsAgain(services, tx, userId);
  const hashes = [...brought, ...unlinked].flatMap(({ sha256 }) => sha256 ?? []);
  return onlyUnused(tx, userId, hashes);
}

/** Those of the contents to which no file of the user's points. */
export async function onlyUnused(tx: Transaction, userId: string, hashes: Buffer[]): Promise<Buffer[]> {
  const still = await tx.query<{ sha256: Buffer }>(
    'SELECT sha256 FROM assets WHERE user_id = $1 AND sha256 = ANY($2::bytea[])',
    [userId, hashes],
  );
  const kept = new Set(still.map(({ sha256 }) => sha256.toString('hex')));
  return hashes.filter((sha256) => !kept.has(sha256.toString('hex')));
}

/**
 * What is known of a touched file is again what the conversations that stay tell of it. Needs the table
 * `touched_assets` of files.
 */
export async function tellFactsAgain(services: Services, tx: Transaction, userId: string): Promise<void> {
  await tx.execute(
    `UPDATE assets a SET name = NULL, mime_type = NULL, size_bytes = NULL
     FROM touched_assets t WHERE a.user_id = $1 AND a.id = t.id AND a.sha256 IS NULL`,
    [userId],
  );
  await tx.execute(
    `UPDATE assets a SET conversation_external_id = least.id FROM (
       SELECT link.asset_id, min(c.external_id COLLATE "C") AS id FROM message_assets link
       JOIN touched_assets t ON t.id = link.asset_id
       JOIN conversations c ON c.user_id = link.user_id AND c.id = link.conversation_id
       WHERE link.user_id = $1 GROUP BY link.asset_id
     ) AS least WHERE a.user_id = $1 AND a.id = least.asset_id`,
    [userId],
  );
  const conversations = await tx.query<{ id: string }>(
    `SELECT DISTINCT link.conversation_id AS id FROM message_assets link JOIN touched_assets t ON t.id = link.asset_id
     WHERE link.user_id = $1 ORDER BY id`,
    [userId],
  );
  const ids = conversations.map(({ id }) => id);
  for await (const { id, conversation } of mergeStored(services, tx, userId, ids)) {
    await upsertAssets(tx, userId, linksOf(id, conversation, conversation.messages));
  }
}

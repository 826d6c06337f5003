import { validate as isUuid } from 'uuid';
import { recordAudit } from '../audit.ts';
import { removeContents } from '../contents.ts';
import { NotFoundError } from '../errors.ts';
import { noteWriteIn } from '../reading.ts';
import type { Services, Transaction } from '../services.ts';
import { onlyUnused, tellFactsAgain } from '../sync/undo-assets.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { TABLES_WITHOUT_KEY } from './tables.ts';

/** What is left to say of a conversation that is gone. */
export interface DeletedConversation {
  id: string;
  provider: string;
  externalId: string;
}

/**
 * Deletes a conversation with its messages, versions, links, search rows and the files to which nothing else points. What
 * stays is that it was deleted, so that imports leave it out; undoing a sync keeps that, for it was not the sync's deed. Throws
 * a NotFoundError.
 */
export async function deleteConversation(
  services: Services,
  viewer: Viewer | null,
  id: string,
): Promise<DeletedConversation> {
  requireScope(viewer, 'write');
  if (!isUuid(id)) throw new NotFoundError('conversation');
  const { userId } = viewer;
  const { deleted, orphans } = await services.database.transaction(async (tx) => {
    // Locked first, so that an indexer is through with it, and an import that merges into it.
    const [deleted] = await tx.query<DeletedConversation>(
      `SELECT id, provider, external_id AS "externalId" FROM conversations
       WHERE user_id = $1 AND id = $2 FOR UPDATE`,
      [userId, id],
    );
    if (!deleted) throw new NotFoundError('conversation');
    await tx.execute(
      `INSERT INTO deleted_conversations (user_id, provider, external_id, deleted_at)
       VALUES ($1, $2, $3, clock_timestamp())
       ON CONFLICT (user_id, provider, external_id) DO UPDATE SET deleted_at = excluded.deleted_at`,
      [userId, deleted.provider, deleted.externalId],
    );
    await tx.execute('CREATE TEMP TABLE touched_assets (id uuid PRIMARY KEY) ON COMMIT DROP');
    await tx.execute(
      `INSERT INTO touched_assets SELECT DISTINCT asset_id FROM message_assets
       WHERE user_id = $1 AND conversation_id = $2`,
      [userId, id],
    );
    for (const table of TABLES_WITHOUT_KEY) {
      await tx.execute(`DELETE FROM ${table} WHERE user_id = $1 AND conversation_id = $2`, [userId, id]);
    }
    await tx.execute('DELETE FROM conversations WHERE user_id = $1 AND id = $2', [userId, id]);
    // What an import could not read of it stays told, without what it was about.
    await tx.execute(
      'UPDATE sync_problems SET conversation_id = NULL, title = NULL WHERE user_id = $1 AND conversation_id = $2',
      [userId, id],
    );
    const orphans = await deleteUnlinkedAssets(services, tx, userId);
    // Any archive may hold it: the next time each has to be read again, to say what it leaves out. A sync that is ending
    // remembers its own before, or sees the deletion.
    await noteWriteIn(tx, userId);
    await tx.execute('DELETE FROM imported_archives WHERE user_id = $1', [userId]);
    await recordAudit(tx, viewer, 'conversation.deleted', `${deleted.provider} ${deleted.externalId}`);
    return { deleted, orphans };
  });
  await removeContents(services, userId, orphans);
  return deleted;
}

/** Deletes touched files to which no message points any more. Answers the hashes of contents that nothing needs now. */
async function deleteUnlinkedAssets(services: Services, tx: Transaction, userId: string): Promise<Buffer[]> {
  // An import that is linking one is waited for, so that the next statement sees its links.
  await tx.execute(
    'SELECT FROM assets WHERE user_id = $1 AND id IN (SELECT id FROM touched_assets) ORDER BY id FOR UPDATE',
    [userId],
  );
  const gone = await tx.query<{ sha256: Buffer | null }>(
    `DELETE FROM assets a USING touched_assets t WHERE a.user_id = $1 AND a.id = t.id AND NOT EXISTS
       (SELECT FROM message_assets link WHERE link.user_id = $1 AND link.asset_id = a.id)
     RETURNING a.sha256`,
    [userId],
  );
  await tellFactsAgain(services, tx, userId);
  const hashes = gone.flatMap(({ sha256 }) => sha256 ?? []);
  return onlyUnused(tx, userId, hashes);
}

import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import type { ArchiveConversation, ArchiveMessage } from '../../archive/types.ts';
import type { Services, Transaction } from '../services.ts';
import { createRowBatch } from './rows.ts';

const decompress = promisify(zstdDecompress);

export interface Merged {
  /** Whether any row of the conversation had to be written. */
  changed: boolean;
  messagesAdded: number;
}

/**
 * Makes a known conversation the merge of all forms in which exports have shown it, and writes only the rows that
 * differ. Its new versions must already stand in conversation_versions.
 */
export async function mergeIntoExisting(
  services: Services,
  tx: Transaction,
  userId: string,
  conversationId: string,
): Promise<Merged> {
  const stored = await tx.query<{ raw: Buffer }>(
    'SELECT raw FROM conversation_versions WHERE user_id = $1 AND conversation_id = $2',
    [userId, conversationId],
  );
  const versions = await Promise.all(stored.map(async ({ raw }) => Buffer.from(await decompress(raw))));
  return writeDifference(tx, userId, conversationId, services.reader.merge(versions));
}

/** The rows of `conversation` against those in the database: inserts, updates and deletes what differs. */
async function writeDifference(
  tx: Transaction,
  userId: string,
  conversationId: string,
  conversation: ArchiveConversation,
): Promise<Merged> {
  const present = await tx.query<ArchiveMessage>(
    `SELECT node_id AS id, parent_node_id AS "parentId", ordinal, sibling_index AS "siblingIndex",
       sibling_count AS "siblingCount", on_active_path AS "onActivePath", role, author_name AS "authorName", kind,
       content_type AS "contentType", text, model, (extract(epoch FROM created_at) * 1000)::float8 AS "createdAtMs"
     FROM messages WHERE user_id = $1 AND conversation_id = $2`,
    [userId, conversationId],
  );
  const assetsBefore = await assetsByMessage(tx, userId, conversationId);
  const before = new Map(present.map((message) => [message.id, message]));
  const after = new Map(conversation.messages.map((message) => [message.id, message]));
  const written = conversation.messages.filter((message) => {
    const old = before.get(message.id);
    return !old || !sameRow(old, message) || assetKey(message) !== (assetsBefore.get(message.id) ?? '');
  });
  const messagesAdded = written.filter((message) => !before.has(message.id)).length;
  const gone = present.filter((message) => !after.has(message.id)).map((message) => message.id);
  const outdated = [...gone, ...written.map((message) => message.id)];
  if (outdated.length > 0) {
    await tx.execute(
      'DELETE FROM messages WHERE user_id = $1 AND conversation_id = $2 AND node_id = ANY($3)',
      [userId, conversationId, outdated],
    );
    await tx.execute(
      'DELETE FROM message_assets WHERE user_id = $1 AND conversation_id = $2 AND node_id = ANY($3)',
      [userId, conversationId, outdated],
    );
    const rows = createRowBatch(userId);
    rows.addMessages({ id: conversationId, conversation }, written);
    await rows.copyInto(tx);
  }
  const headChanged = await tx.execute(
    `UPDATE conversations SET title = $3, model = $4, created_at = $5, updated_at = $6, archived = $7, starred = $8,
       current_message_id = $9, message_count = $10, branch_count = $11, search_pending = search_pending OR $12
     WHERE user_id = $1 AND id = $2 AND ($12 OR
       (title, model, created_at, updated_at, archived, starred, current_message_id, message_count, branch_count)
       IS DISTINCT FROM ($3, $4, $5::timestamptz, $6::timestamptz, $7, $8, $9, $10::int, $11::int))`,
    [
      userId,
      conversationId,
      conversation.title,
      conversation.model,
      dateOf(conversation.createdAtMs),
      dateOf(conversation.updatedAtMs),
      conversation.archived,
      conversation.starred,
      conversation.currentMessageId,
      conversation.messages.length,
      conversation.branchCount,
      outdated.length > 0,
    ],
  );
  return { changed: headChanged > 0, messagesAdded };
}

const COMPARED = [
  'parentId',
  'ordinal',
  'siblingIndex',
  'siblingCount',
  'onActivePath',
  'role',
  'authorName',
  'kind',
  'contentType',
  'text',
  'model',
] as const;

function sameRow(old: ArchiveMessage, message: ArchiveMessage): boolean {
  const time = message.createdAtMs === null ? null : Math.round(message.createdAtMs);
  return old.createdAtMs === time && COMPARED.every((key) => old[key] === message[key]);
}

const assetKey = (message: ArchiveMessage) => message.assets.map((asset) => asset.externalId).join('\n');

/** The files that each message points to, in the form of `assetKey`. */
async function assetsByMessage(
  tx: Transaction,
  userId: string,
  conversationId: string,
): Promise<Map<string, string>> {
  const rows = await tx.query<{ nodeId: string; key: string }>(
    `SELECT link.node_id AS "nodeId", string_agg(asset.external_id, E'\\n' ORDER BY link.ordinal) AS key
     FROM message_assets link JOIN assets asset ON asset.user_id = link.user_id AND asset.id = link.asset_id
     WHERE link.user_id = $1 AND link.conversation_id = $2 GROUP BY link.node_id`,
    [userId, conversationId],
  );
  return new Map(rows.map((row) => [row.nodeId, row.key]));
}

const dateOf = (ms: number | null) => (ms === null ? null : new Date(Math.round(ms)));

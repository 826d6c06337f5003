import type { ArchiveConversation, ArchiveMessage } from '../../archive/types.ts';
import type { Transaction } from '../services.ts';

/** What the database has of a conversation. */
export interface StoredConversation {
  /** By node id; without their assets. */
  messages: Map<string, ArchiveMessage>;
  /** By node id: the external ids of its files, in order, a line each. */
  assets: Map<string, string>;
}

/** By id. */
export async function findStored(
  tx: Transaction,
  userId: string,
  ids: string[],
): Promise<Map<string, StoredConversation>> {
  const found = new Map<string, StoredConversation>(
    ids.map((id) => [id, { messages: new Map(), assets: new Map() }]),
  );
  const messages = await tx.query<ArchiveMessage & { conversationId: string }>(
    `SELECT conversation_id AS "conversationId", node_id AS id, parent_node_id AS "parentId", ordinal,
       sibling_index AS "siblingIndex", sibling_count AS "siblingCount", on_active_path AS "onActivePath", role,
       author_name AS "authorName", kind, content_type AS "contentType", text, model,
       (extract(epoch FROM created_at) * 1000)::float8 AS "createdAtMs"
     FROM messages WHERE user_id = $1 AND conversation_id = ANY($2::uuid[])`,
    [userId, ids],
  );
  for (const message of messages) found.get(message.conversationId)?.messages.set(message.id, message);
  const assets = await tx.query<{ conversationId: string; nodeId: string; key: string }>(
    `SELECT link.conversation_id AS "conversationId", link.node_id AS "nodeId",
       string_agg(asset.external_id, E'\\n' ORDER BY link.ordinal) AS key
     FROM message_assets link JOIN assets asset ON asset.user_id = link.user_id AND asset.id = link.asset_id
     WHERE link.user_id = $1 AND link.conversation_id = ANY($2::uuid[])
     GROUP BY link.conversation_id, link.node_id`,
    [userId, ids],
  );
  for (const { conversationId, nodeId, key } of assets) found.get(conversationId)?.assets.set(nodeId, key);
  return found;
}

/**
 * Writes what a conversation itself shows where it differs or its messages do; answers the ids of those. What its user
 * decided, a title or whether it is archived, stays.
 */
export async function updateHeads(
  tx: Transaction,
  userId: string,
  heads: { id: string; conversation: ArchiveConversation; messagesChanged: boolean }[],
): Promise<string[]> {
  const column = <T>(pick: (conversation: ArchiveConversation) => T) =>
    heads.map(({ conversation }) => pick(conversation));
  const rows = await tx.query<{ id: string }>(
    `UPDATE conversations c SET title = CASE WHEN c.title_edited THEN c.title ELSE h.title END, model = h.model,
       created_at = h.created_at, updated_at = h.updated_at,
       archived = CASE WHEN c.archived_edited THEN c.archived ELSE h.archived END, starred = h.starred,
       current_message_id = h.current_message_id, message_count = h.message_count, branch_count = h.branch_count,
       search_pending = c.search_pending OR h.messages_changed
     FROM unnest($2::uuid[], $3::text[], $4::text[], $5::timestamptz(3)[], $6::timestamptz(3)[], $7::bool[],
       $8::bool[], $9::text[], $10::int[], $11::int[], $12::bool[])
       AS h (id, title, model, created_at, updated_at, archived, starred, current_message_id, message_count,
         branch_count, messages_changed)
     WHERE c.user_id = $1 AND c.id = h.id AND (h.messages_changed OR
       (NOT c.title_edited AND c.title <> h.title) OR (NOT c.archived_edited AND c.archived <> h.archived) OR
       (c.model, c.created_at, c.updated_at, c.starred, c.current_message_id, c.message_count, c.branch_count)
       IS DISTINCT FROM (h.model, h.created_at, h.updated_at, h.starred, h.current_message_id, h.message_count,
         h.branch_count))
     RETURNING c.id`,
    [
      userId,
      heads.map(({ id }) => id),
      column((conversation) => conversation.title),
      column((conversation) => conversation.model),
      column((conversation) => dateOf(conversation.createdAtMs)),
      column((conversation) => dateOf(conversation.updatedAtMs)),
      column((conversation) => conversation.archived),
      column((conversation) => conversation.starred),
      column((conversation) => conversation.currentMessageId),
      column((conversation) => conversation.messages.length),
      column((conversation) => conversation.branchCount),
      heads.map(({ messagesChanged }) => messagesChanged),
    ],
  );
  return rows.map((row) => row.id);
}

const dateOf = (ms: number | null) => (ms === null ? null : new Date(Math.round(ms)));

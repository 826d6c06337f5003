import DataLoader from 'dataloader';
import type { Message } from '../../generated/prisma/client.ts';
import type { Services } from '../services.ts';
import type { Viewer } from '../viewer.ts';

/** As Prisma names them, without those that all rows of a conversation share; the time in milliseconds, quicker to read. */
export const MESSAGE_COLUMNS = `node_id AS "nodeId", parent_node_id AS "parentNodeId", ordinal, sibling_index AS "siblingIndex",
  sibling_count AS "siblingCount", on_active_path AS "onActivePath", role, author_name AS "authorName", kind,
  content_type AS "contentType", text, model, (extract(epoch FROM created_at) * 1000)::float8 AS "createdAtMs"`;

export type MessageRow = Omit<Message, 'userId' | 'conversationId' | 'createdAt'> & {
  createdAtMs: number | null;
};

/** Makes a row the message that it is. */
export function toMessage({ userId }: Viewer, conversationId: string, row: MessageRow): Message {
  const createdAt = row.createdAtMs === null ? null : new Date(row.createdAtMs);
  // Not a copy: a page of conversations has hundreds.
  return Object.assign(row, { userId, conversationId, createdAt });
}

/** `position` is that of its conversation among those that were asked for, from 0. */
type Row = MessageRow & { position: number };

/** A viewer is made for each request and goes with it, and so do its loaders. */
const loaders = new WeakMap<Viewer, Map<string, DataLoader<string, Message[]>>>();

/**
 * The first `limit` messages of a conversation of the viewer's in reading order, of the active path or of all branches.
 * Conversations that are asked for at the same time, such as those of one page, are read by one statement.
 */
export function firstMessages(
  services: Services,
  viewer: Viewer,
  conversationId: string,
  path: 'ACTIVE' | 'ALL',
  limit: number,
): Promise<Message[]> {
  const own = loaders.get(viewer) ?? new Map<string, DataLoader<string, Message[]>>();
  loaders.set(viewer, own);
  const key = `${path} ${limit}`;
  const loader =
    own.get(key) ??
    new DataLoader((ids: readonly string[]) => readFirst(services, viewer, ids, path, limit), {
      // What is asked for later is to be read as it is then: a subscription's viewer lives long.
      cache: false,
      maxBatchSize: 100,
    });
  own.set(key, loader);
  return loader.load(conversationId);
}

async function readFirst(
  services: Services,
  viewer: Viewer,
  ids: readonly string[],
  path: 'ACTIVE' | 'ALL',
  limit: number,
): Promise<Message[][]> {
  // Each once: two fields of one operation may ask for the same conversation.
  const distinct = [...new Set(ids)];
  const rows = await services.database.query<Row>(
    `SELECT c.position::int - 1 AS position, m.* FROM unnest($2::uuid[]) WITH ORDINALITY AS c (id, position), LATERAL (
       SELECT ${MESSAGE_COLUMNS} FROM messages
       WHERE user_id = $1 AND conversation_id = c.id AND (on_active_path OR $3)
       ORDER BY ordinal LIMIT $4
     ) m`,
    [viewer.userId, distinct, path === 'ALL', limit],
    'first messages',
  );
  const byConversation = new Map<string, Message[]>(distinct.map((id) => [id, []]));
  for (const row of rows) {
    const conversationId = distinct[row.position] ?? '';
    byConversation.get(conversationId)?.push(toMessage(viewer, conversationId, row));
  }
  return ids.map((id) => byConversation.get(id) ?? []);
}

import type { Message } from '../../generated/prisma/client.ts';
import { batchedLists, MAX_LISTED, type RowBudget } from '../row-budget.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { MESSAGE_COLUMNS, type MessageRow, toMessage } from './first-messages.ts';

interface Place {
  conversationId: string;
  /** Null for the roots. */
  parentNodeId: string | null;
}

/** The first 100 answers and edits that follow a message, in sibling order. Spends them of `budget`. */
export async function listChildren(
  services: Services,
  viewer: Viewer | null,
  { conversationId, nodeId }: Pick<Message, 'conversationId' | 'nodeId'>,
  budget: RowBudget,
): Promise<Message[]> {
  requireScope(viewer, 'read');
  return readPlace(services, viewer, budget, { conversationId, parentNodeId: nodeId });
}

/** The first 100 alternatives at a message's place, itself included, in sibling order. Spends them of `budget`. */
export async function listSiblings(
  services: Services,
  viewer: Viewer | null,
  { conversationId, parentNodeId }: Place,
  budget: RowBudget,
): Promise<Message[]> {
  requireScope(viewer, 'read');
  return readPlace(services, viewer, budget, { conversationId, parentNodeId });
}

/** What a message answers; null at a root. Spends one row of `budget`. */
export async function getParent(
  services: Services,
  viewer: Viewer | null,
  { conversationId, parentNodeId }: Place,
  budget: RowBudget,
): Promise<Message | null> {
  requireScope(viewer, 'read');
  if (parentNodeId === null) return null;
  const [parent] = await readNode(services, viewer, budget, { conversationId, nodeId: parentNodeId });
  return parent ?? null;
}

const nameOfNode = ({ conversationId, nodeId }: Pick<Message, 'conversationId' | 'nodeId'>) =>
  `${conversationId}/${nodeId}`;

const readNode = batchedLists<Pick<Message, 'conversationId' | 'nodeId'>, Message>(
  nameOfNode,
  async (services, viewer, nodes) => {
    const rows = await services.database.query<MessageRow & { conversationId: string }>(
      `SELECT conversation_id AS "conversationId", ${MESSAGE_COLUMNS} FROM messages
       WHERE user_id = $1 AND (conversation_id, node_id) IN (SELECT * FROM unnest($2::uuid[], $3::text[]))`,
      [viewer.userId, nodes.map(({ conversationId }) => conversationId), nodes.map(({ nodeId }) => nodeId)],
    );
    const messages = rows.map(({ conversationId, ...row }) => toMessage(viewer, conversationId, row));
    return new Map(messages.map((message) => [nameOfNode(message), [message]]));
  },
);

const nameOf = ({ conversationId, parentNodeId }: Place) => JSON.stringify([conversationId, parentNodeId]);

const readPlace = batchedLists<Place, Message>(nameOf, async (services, viewer, places) => {
  const conversationIds = places.map(({ conversationId }) => conversationId);
  // No index leads to a parent: a hash join looks through each conversation once for all that is asked of it.
  const rows = await services.database.query<MessageRow & { conversationId: string }>(
    `SELECT m.conversation_id AS "conversationId", ${MESSAGE_COLUMNS}
     FROM messages m JOIN unnest($3::uuid[], $4::text[]) AS asked (conversation_id, parent)
       ON asked.conversation_id = m.conversation_id AND (asked.parent IS NULL) = (m.parent_node_id IS NULL)
       AND coalesce(asked.parent, '') = coalesce(m.parent_node_id, '')
     WHERE m.user_id = $1 AND m.conversation_id = ANY($2::uuid[]) AND m.sibling_index < $5
     ORDER BY m.sibling_index`,
    [
      viewer.userId,
      [...new Set(conversationIds)],
      conversationIds,
      places.map(({ parentNodeId }) => parentNodeId),
      MAX_LISTED,
    ],
  );
  const byPlace = new Map<string, Message[]>(places.map((place) => [nameOf(place), []]));
  for (const { conversationId, ...row } of rows) {
    const message = toMessage(viewer, conversationId, row);
    byPlace.get(nameOf(message))?.push(message);
  }
  return byPlace;
});

import type { Neighbour } from '../chat/citation.ts';
import type { Services } from '../services.ts';

/** More of a neighbour's text is not read. */
const MAX_NEIGHBOUR_CHARACTERS = 8_000;

interface Place {
  conversationId: string;
  nodeId: string;
}

export interface Neighbours {
  before: Neighbour | null;
  after: Neighbour | null;
}

/** The visible messages before and after each of some messages of a user, on its own path; ask with a message. */
export async function readNeighbours(
  services: Services,
  userId: string,
  messages: Place[],
): Promise<(message: Place) => Neighbours> {
  if (messages.length === 0) return () => ({ before: null, after: null });
  const rows = await services.database.query<{
    conversationId: string;
    hit: string;
    side: 'before' | 'after';
    nodeId: string;
    role: string;
    text: string;
  }>(
    `WITH RECURSIVE hits AS (
       SELECT m.conversation_id, m.node_id, m.parent_node_id, m.ordinal, m.on_active_path
       FROM unnest($2::uuid[], $3::text[]) AS h(conversation_id, node_id)
       JOIN messages m USING (conversation_id, node_id) WHERE m.user_id = $1
     ),
     up AS (
       SELECT conversation_id, node_id AS hit, parent_node_id AS at, 0 AS steps FROM hits
       UNION ALL
       SELECT up.conversation_id, up.hit, m.parent_node_id, up.steps + 1
       FROM up JOIN messages m ON m.user_id = $1 AND m.conversation_id = up.conversation_id AND m.node_id = up.at
       WHERE m.kind <> 'VISIBLE' AND up.steps < 20
     ),
     near AS (
       SELECT up.conversation_id, up.hit, 'before' AS side, m.node_id, m.role, m.text
       FROM up JOIN messages m ON m.user_id = $1 AND m.conversation_id = up.conversation_id AND m.node_id = up.at
       WHERE m.kind = 'VISIBLE'
       UNION ALL
       SELECT hits.conversation_id, hits.node_id, 'after', m.node_id, m.role, m.text
       FROM hits CROSS JOIN LATERAL (
         SELECT n.node_id, n.role, n.text FROM messages n
         WHERE n.user_id = $1 AND n.conversation_id = hits.conversation_id AND n.kind = 'VISIBLE'
           AND n.ordinal > hits.ordinal AND n.ordinal <= hits.ordinal + 1000
           AND CASE WHEN hits.on_active_path THEN n.on_active_path ELSE n.parent_node_id = hits.node_id END
         ORDER BY n.ordinal LIMIT 1
       ) m
     )
     SELECT conversation_id AS "conversationId", hit, side, node_id AS "nodeId", role, left(text, $4) AS text FROM near`,
    [
      userId,
      messages.map(({ conversationId }) => conversationId),
      messages.map(({ nodeId }) => nodeId),
      MAX_NEIGHBOUR_CHARACTERS,
    ],
  );
  const bySide = new Map(
    rows.map(({ nodeId, role, text, ...row }) => [
      `${row.side} ${row.conversationId} ${row.hit}`,
      { nodeId, role, text },
    ]),
  );
  return ({ conversationId, nodeId }) => ({
    before: bySide.get(`before ${conversationId} ${nodeId}`) ?? null,
    after: bySide.get(`after ${conversationId} ${nodeId}`) ?? null,
  });
}

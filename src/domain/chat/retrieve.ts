import type { Conversation, Message } from '../../generated/prisma/client.ts';
import { search } from '../search.ts';
import type { Services } from '../services.ts';
import type { Viewer } from '../viewer.ts';
import type { Neighbour } from './citation.ts';
import { searchQueryOf } from './question.ts';

/** A message that may hold the answer, and what was said around it. */
export interface Finding {
  message: Message;
  conversation: Conversation;
  score: number;
  before: Neighbour | null;
  after: Neighbour | null;
}

/** More is cut away later anyway. */
const MAX_NEIGHBOUR_CHARACTERS = 8_000;

/** Reciprocal rank fusion: Cormack, Clarke and Büttcher, SIGIR 2009, with their k. */
const FUSION_K = 60;

/**
 * The `k` messages of the viewer that fit a question best: those that hold all of its words, those that hold some, and on
 * a follow-up those that hold words of the question before as well. Their lists are fused by rank.
 */
export async function retrieve(
  services: Services,
  viewer: Viewer,
  { query, previous, k }: { query: string; previous: string | null; k: number },
): Promise<Finding[]> {
  const queries = [
    searchQueryOf([query], 'all'),
    searchQueryOf([query], 'any'),
    previous === null ? null : searchQueryOf([query, previous], 'any'),
  ];
  const lists = await Promise.all(
    [...new Set(queries)]
      .filter((each) => each !== null)
      .map((each) => search(services, viewer, { query: each, limit: Math.min(k * 3, 60), offset: 0 })),
  );
  const fused = new Map<string, Finding>();
  for (const list of lists) {
    for (const { rank, message, conversation } of list) {
      if (message.kind !== 'VISIBLE' && message.kind !== 'TOOL') continue;
      const key = keyOf(message);
      const score = (fused.get(key)?.score ?? 0) + 1 / (FUSION_K + rank);
      fused.set(key, { message, conversation, score, before: null, after: null });
    }
  }
  const best = [...fused.values()].toSorted((a, b) => b.score - a.score).slice(0, k);
  return addNeighbours(services, viewer, best);
}

const keyOf = ({ conversationId, nodeId }: Pick<Message, 'conversationId' | 'nodeId'>) =>
  `${conversationId} ${nodeId}`;

/** Adds the visible messages before and after each on its path, unless they were found themselves. */
async function addNeighbours(services: Services, viewer: Viewer, found: Finding[]): Promise<Finding[]> {
  if (found.length === 0) return found;
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
      viewer.userId,
      found.map(({ message }) => message.conversationId),
      found.map(({ message }) => message.nodeId),
      MAX_NEIGHBOUR_CHARACTERS,
    ],
  );
  const hits = new Set(found.map(({ message }) => keyOf(message)));
  const neighbours = new Map(
    rows
      .filter((row) => !hits.has(keyOf(row)))
      .map(({ nodeId, role, text, ...row }) => [
        `${row.side} ${row.conversationId} ${row.hit}`,
        { nodeId, role, text },
      ]),
  );
  return found.map((finding) => ({
    ...finding,
    before: neighbours.get(`before ${keyOf(finding.message)}`) ?? null,
    after: neighbours.get(`after ${keyOf(finding.message)}`) ?? null,
  }));
}

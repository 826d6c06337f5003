import { z } from 'zod';
import type { Conversation, Message } from '../generated/prisma/client.ts';
import {
  type ConversationFilter,
  conversationConditions,
  conversationFilter,
} from './conversation/filter.ts';
import { parseInput, text } from './input.ts';
import type { Services } from './services.ts';
import { requireScope, type Viewer } from './viewer.ts';

export interface SearchHit {
  /** 1 for the best. */
  rank: number;
  /** Larger is better; comparable within one query only. */
  score: number;
  message: Message;
  conversation: Conversation;
  /** HTML: the text escaped, its matches in `<mark>`. */
  snippet: string;
}

/** A page of 100, and one more that tells whether there is another page. */
const MAX_HITS = 101;

const searchInput = z.strictObject({
  query: text.trim().min(1, 'Say what to look for.').max(1_000),
  /** In which conversations. */
  filter: conversationFilter.nullish(),
  /** Hits to answer. */
  limit: z.int().min(1).max(MAX_HITS),
  /** Hits to pass over. */
  offset: z.int().min(0).max(10_000),
});

/** Ranks so many matches, whichever the index gives first: a common word of a large archive must not read all of it. */
const MAX_CANDIDATES = 1_000;

/** Private-use characters, taken out of the text before, mark a match until the text is escaped. */
const MATCH_START = '\ue000';
const MATCH_END = '\ue001';
/** Stand for `<` and `>`: PostgreSQL would leave out of a headline what looks like a tag. */
const LESS = '\ue002';
const GREATER = '\ue003';

/**
 * Messages of the viewer that match a web-style query ("phrases", -exclusions, OR), the best first. Throws an
 * InvalidInputError for an empty query, a filter that is none, or a page out of range, and a TooManyRequestsError.
 */
export async function search(
  services: Services,
  viewer: Viewer | null,
  input: z.input<typeof searchInput>,
): Promise<SearchHit[]> {
  requireScope(viewer, 'read');
  await services.limits.spend('search', viewer);
  const { query, filter, limit, offset } = parseInput(searchInput, input);
  const narrowed = narrow(filter ?? {}, 6);
  const found = await services.database.query<{
    conversationId: string;
    nodeId: string;
    score: number;
    snippet: string;
  }>(
    `WITH wanted AS (SELECT websearch_to_tsquery('english', $2) AS terms),
     candidates AS MATERIALIZED (
       SELECT s.conversation_id, s.node_id, ts_rank_cd(s.terms, wanted.terms) AS score
       FROM wanted, message_search s ${narrowed.join}
       WHERE s.user_id = $1 AND s.terms @@ wanted.terms ${narrowed.conditions} LIMIT $5
     ),
     best AS (
       SELECT conversation_id, node_id, max(score) AS score FROM candidates
       GROUP BY conversation_id, node_id ORDER BY score DESC, conversation_id, node_id LIMIT $3 OFFSET $4
     )
     SELECT m.conversation_id AS "conversationId", m.node_id AS "nodeId", best.score::float8 AS score,
       ts_headline('english', translate(left(m.text, 50000), '<>${MATCH_START}${MATCH_END}', '${LESS}${GREATER}'), wanted.terms,
         'StartSel=${MATCH_START}, StopSel=${MATCH_END}, MaxFragments=2, MaxWords=30, MinWords=10') AS snippet
     FROM best JOIN messages m USING (conversation_id, node_id), wanted
     WHERE m.user_id = $1 ORDER BY best.score DESC, conversation_id, node_id`,
    [viewer.userId, query, limit, offset, MAX_CANDIDATES, ...narrowed.parameters],
  );
  const hits = await loadHits(services, viewer, found);
  return hits.map((hit, index) => ({ ...hit, rank: offset + index + 1 }));
}

/** The SQL of a filter, its parameters numbered from `first`; nothing, not even the join, for a filter without conditions. */
function narrow(filter: ConversationFilter, first: number) {
  const { conditions, parameters } = conversationConditions(filter, first);
  return {
    join:
      conditions.length > 0
        ? 'JOIN conversations c ON c.user_id = s.user_id AND c.id = s.conversation_id'
        : '',
    conditions: conditions.map((condition) => `AND ${condition}`).join(' '),
    parameters,
  };
}

async function loadHits(
  services: Services,
  viewer: Viewer,
  found: { conversationId: string; nodeId: string; score: number; snippet: string }[],
): Promise<Omit<SearchHit, 'rank'>[]> {
  const { userId } = viewer;
  const [messages, conversations] = await Promise.all([
    services.prisma.message.findMany({
      where: { userId, OR: found.map(({ conversationId, nodeId }) => ({ conversationId, nodeId })) },
    }),
    services.prisma.conversation.findMany({
      where: { userId, id: { in: found.map(({ conversationId }) => conversationId) } },
    }),
  ]);
  const messageOf = new Map(
    messages.map((message) => [`${message.conversationId} ${message.nodeId}`, message]),
  );
  const conversationOf = new Map(conversations.map((conversation) => [conversation.id, conversation]));
  return found.flatMap(({ conversationId, nodeId, score, snippet }) => {
    const message = messageOf.get(`${conversationId} ${nodeId}`);
    const conversation = conversationOf.get(conversationId);
    // Deleted between the two reads.
    if (!message || !conversation) return [];
    return [{ score, message, conversation, snippet: toSafeHtml(snippet) }];
  });
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function toSafeHtml(marked: string): string {
  return marked
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
    .replaceAll(LESS, '&lt;')
    .replaceAll(GREATER, '&gt;')
    .replaceAll(MATCH_START, '<mark>')
    .replaceAll(MATCH_END, '</mark>');
}

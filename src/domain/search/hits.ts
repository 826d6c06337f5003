import type { Conversation, Message } from '../../generated/prisma/client.ts';
import type { SearchQuery } from '../../text/query.ts';
import { makeSnippet } from '../../text/snippet.ts';
import type { Services } from '../services.ts';
import type { Match } from './match.ts';

export interface SearchHit {
  /** 1 for the best. */
  rank: number;
  /** Larger is better; comparable within one query only. */
  score: number;
  /** What matches; for a title the conversation's first message. */
  message: Message;
  conversation: Conversation;
  /** HTML: the text escaped, its matches in `<mark>`. */
  snippet: string;
  /** The conversation's title matches, and is the snippet. */
  isTitleMatch: boolean;
  /** Where it stands among all hits of its query. */
  match: Match;
}

/** Loads what is shown of matches, in their order, without those that were deleted meanwhile. */
export async function loadHits(
  services: Services,
  userId: string,
  query: SearchQuery,
  ranked: { match: Match; rank: number }[],
): Promise<SearchHit[]> {
  if (ranked.length === 0) return [];
  const matches = ranked.map(({ match }) => match);
  const titled = matches.filter(({ nodeId }) => nodeId === '').map(({ conversationId }) => conversationId);
  const first = await firstMessages(services, userId, titled);
  const nodeOf = (match: Match) => match.nodeId || first.get(match.conversationId) || '';
  const [messages, conversations] = await Promise.all([
    services.prisma.message.findMany({
      where: {
        userId,
        OR: matches.map((match) => ({ conversationId: match.conversationId, nodeId: nodeOf(match) })),
      },
    }),
    services.prisma.conversation.findMany({
      where: { userId, id: { in: matches.map(({ conversationId }) => conversationId) } },
    }),
  ]);
  const messageOf = new Map(
    messages.map((message) => [`${message.conversationId} ${message.nodeId}`, message]),
  );
  const conversationOf = new Map(conversations.map((conversation) => [conversation.id, conversation]));
  return ranked.flatMap(({ match, rank }) => {
    const message = messageOf.get(`${match.conversationId} ${nodeOf(match)}`);
    const conversation = conversationOf.get(match.conversationId);
    if (!message || !conversation) return [];
    const isTitleMatch = match.nodeId === '';
    const snippet = makeSnippet(isTitleMatch ? conversation.title : message.text, query);
    return [{ rank, score: match.score, message, conversation, snippet, isTitleMatch, match }];
  });
}

/** Where a reader of each conversation begins. */
async function firstMessages(
  services: Services,
  userId: string,
  conversationIds: string[],
): Promise<Map<string, string>> {
  if (conversationIds.length === 0) return new Map();
  const rows = await services.database.query<{ conversationId: string; nodeId: string }>(
    `SELECT DISTINCT ON (conversation_id) conversation_id AS "conversationId", node_id AS "nodeId" FROM messages
     WHERE user_id = $1 AND conversation_id = ANY($2::uuid[])
     ORDER BY conversation_id, (kind = 'VISIBLE' AND on_active_path) DESC, ordinal`,
    [userId, conversationIds],
  );
  return new Map(rows.map((row) => [row.conversationId, row.nodeId]));
}

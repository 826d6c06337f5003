import type { Conversation, Message } from '../../generated/prisma/client.ts';
import { createMatcher } from '../../text/matcher.ts';
import type { SearchQuery } from '../../text/query.ts';
import { makeSnippet } from '../../text/snippet.ts';
import { CONVERSATION_COLUMNS } from '../conversation/columns.ts';
import { MESSAGE_COLUMNS, type MessageRow, toMessage } from '../conversation/first-messages.ts';
import { mapTexts } from '../long-texts.ts';
import type { Services } from '../services.ts';
import type { Viewer } from '../viewer.ts';
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
  viewer: Viewer,
  query: SearchQuery,
  ranked: { match: Match; rank: number }[],
): Promise<SearchHit[]> {
  if (ranked.length === 0) return [];
  const matches = ranked.map(({ match }) => match);
  const matcher = createMatcher(query);
  const [messages, conversations] = await Promise.all([
    readMessages(services, viewer, matches),
    readConversations(services, viewer, matches),
  ]);
  const found = ranked.flatMap(({ match, rank }, position) => {
    const message = messages.get(position);
    const conversation = conversations.get(match.conversationId);
    if (!message || !conversation) return [];
    const isTitleMatch = match.nodeId === '';
    const text = isTitleMatch ? conversation.title : message.text;
    return [{ rank, score: match.score, message, conversation, isTitleMatch, match, text }];
  });
  return mapTexts(
    found,
    ({ text }) => text.length,
    ({ text, ...hit }) => ({ ...hit, snippet: makeSnippet(text, matcher) }),
  );
}

/** The message of each match by its position; of a title, where a reader of its conversation begins. */
async function readMessages(
  services: Services,
  viewer: Viewer,
  matches: Match[],
): Promise<Map<number, Message>> {
  // By SQL, as the conversations: Prisma's client takes longer for a page than the search itself.
  const rows = await services.database.query<MessageRow & { position: number }>(
    `SELECT asked.position::int - 1 AS position, m.*
     FROM unnest($2::uuid[], $3::text[]) WITH ORDINALITY AS asked (conversation, node, position), LATERAL (
       SELECT ${MESSAGE_COLUMNS} FROM messages
       WHERE user_id = $1 AND conversation_id = asked.conversation AND node_id = asked.node
       UNION ALL (
         SELECT ${MESSAGE_COLUMNS} FROM messages
         WHERE asked.node = '' AND user_id = $1 AND conversation_id = asked.conversation
         ORDER BY (kind = 'VISIBLE' AND on_active_path) DESC, ordinal LIMIT 1
       )
     ) m`,
    [viewer.userId, matches.map(({ conversationId }) => conversationId), matches.map(({ nodeId }) => nodeId)],
    'hits',
  );
  return new Map(
    rows.map((row) => [row.position, toMessage(viewer, matches[row.position]?.conversationId ?? '', row)]),
  );
}

async function readConversations(
  services: Services,
  { userId }: Viewer,
  matches: Match[],
): Promise<Map<string, Conversation>> {
  // Joined, for with `= ANY` the plan that is kept for any list of ids reads all conversations of the user.
  const rows = await services.database.query<Conversation>(
    `SELECT ${CONVERSATION_COLUMNS} FROM unnest($2::uuid[]) AS asked (id)
     JOIN conversations c ON c.user_id = $1 AND c.id = asked.id`,
    [userId, [...new Set(matches.map(({ conversationId }) => conversationId))]],
    'conversations of hits',
  );
  return new Map(rows.map((row) => [row.id, row]));
}

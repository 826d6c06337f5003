import type { Services } from '../services.ts';
import type { narrowSearch } from './filter.ts';
import { guessRecent, isSince } from './newest.ts';

/** A message that matches, or, with an empty `nodeId`, a title. */
export interface Match {
  conversationId: string;
  nodeId: string;
  score: number;
}

/**
 * Ranks so many matches, the newest: a common word of a large archive must not read all of it, and "of your newest
 * 1000" is something that a person understands.
 */
export const MAX_CANDIDATES = 1_000;

/** What a title says counts more than the same in a message. */
const TITLE_WEIGHT = 2;

/** Matches, the best first, and whether there are more than were ranked. */
interface Ranked {
  matches: Match[];
  isCapped: boolean;
}

/** The newest matches of a user, ranked. Of a common word only what is recent is looked at, when that is enough. */
export async function findMatches(
  services: Services,
  userId: string,
  tsquery: string,
  narrowed: ReturnType<typeof narrowSearch>,
): Promise<Ranked> {
  const recent = await guessRecent(services, userId, matching(userId, tsquery, narrowed), {
    wanted: MAX_CANDIDATES + 1,
    before: narrowed.before,
  });
  const ranked = recent && (await rankMatches(services, userId, tsquery, narrowed, recent));
  return ranked?.isCapped ? ranked : rankMatches(services, userId, tsquery, narrowed, null);
}

/**
 * Ranks the newest matches, of those since a moment when there is one. Cover density (how often the words stand there, and how
 * near to each other) and the plain rank, which tells apart what holds more of the words of an OR; both divided by 1 + the
 * logarithm of the length. One word needs both as well: by the plain rank alone the shortest message wins, however often a
 * longer one says the word.
 */
export async function rankMatches(
  services: Services,
  userId: string,
  tsquery: string,
  narrowed: ReturnType<typeof narrowSearch>,
  since: Date | null,
): Promise<Ranked> {
  const { sql, parameters } = matching(userId, tsquery, narrowed);
  // As one value: to read a thousand rows costs the client a few milliseconds.
  const [row] = await services.database.query<{
    candidates: number;
    found: [string, string, number][] | null;
  }>(
    `WITH candidates AS MATERIALIZED (
       SELECT s.conversation_id, s.node_id, s.terms ${sql} ${since ? isSince(`$${parameters.length + 1}`) : ''}
       ORDER BY s.created_at DESC NULLS LAST, s.conversation_id, s.node_id LIMIT ${MAX_CANDIDATES + 1}
     ), ranked AS (
       SELECT conversation_id, node_id,
         max((ts_rank_cd(terms, $2::tsquery, 1) + ts_rank(terms, $2::tsquery, 1))
           * CASE node_id WHEN '' THEN ${TITLE_WEIGHT} ELSE 1 END)::float8 AS score, count(*) AS candidates
       FROM candidates GROUP BY conversation_id, node_id
     )
     SELECT coalesce(sum(candidates), 0)::int AS candidates,
       json_agg(json_build_array(conversation_id, node_id, score)) AS found FROM ranked`,
    since ? [...parameters, since] : parameters,
  );
  const isCapped = (row?.candidates ?? 0) > MAX_CANDIDATES;
  const matches = (row?.found ?? []).map(([conversationId, nodeId, score]) => ({
    conversationId,
    nodeId,
    score,
  }));
  return { matches: matches.toSorted(compareMatches).slice(0, MAX_CANDIDATES), isCapped };
}

/** All rows that match, for what may follow a SELECT. */
const matching = (userId: string, tsquery: string, narrowed: ReturnType<typeof narrowSearch>) => ({
  sql: `FROM message_search s ${narrowed.join}
    WHERE s.user_id = $1 AND s.terms @@ $2::tsquery ${narrowed.conditions}`,
  parameters: [userId, tsquery, ...narrowed.parameters],
});

/** The best first; equals in an order that is always the same. */
export function compareMatches(a: Match, b: Match): number {
  if (a.score !== b.score) return b.score - a.score;
  const [left, right] = [`${a.conversationId} ${a.nodeId}`, `${b.conversationId} ${b.nodeId}`];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** The best of each conversation. */
export function bestOfEach(matches: Match[]): Match[] {
  const seen = new Set<string>();
  return matches.filter(({ conversationId }) => !seen.has(conversationId) && seen.add(conversationId));
}

import type { SearchQuery } from '../../text/query.ts';
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
export const TITLE_WEIGHT = 2;

/**
 * The same custom instructions stand hidden in every conversation: they come after all that was said. Of all texts none scores
 * more than some hundreds, with 255 places of each word, and none less than 1e-7, with words 16 383 places apart.
 */
export const HIDDEN_WEIGHT = 1e-10;

/** Before the time alone: by a condition and the time a common word's rows would take a fifth longer to sort. */
export const SEEN_FIRST = `CASE WHEN s.kind = 'HIDDEN' THEN NULL ELSE coalesce(s.created_at, '-infinity') END`;

/** Matches, the best first, and whether there are more than were ranked. */
export interface Ranked {
  matches: Match[];
  isCapped: boolean;
}

/** What is looked for, as `parseQuery` says it. */
export type Ranking = Pick<SearchQuery, 'tsquery' | 'english' | 'foreign'>;

/** Of so many conversations all messages are looked at in a few milliseconds. */
const FEW_CONVERSATIONS = 400;

/**
 * The newest matches of a user, ranked, and hidden ones among them as far as others leave room. Of a common word only what is
 * recent is looked at, when that is enough and there are more than a few conversations.
 */
export async function findMatches(
  services: Services,
  userId: string,
  query: Ranking,
  narrowed: ReturnType<typeof narrowSearch>,
): Promise<Ranked> {
  if (query.tsquery === null) return { matches: [], isCapped: false };
  const ofFew = await rankMatches(services, userId, query, narrowed, { ofFewOnly: true });
  if (ofFew) return ofFew.ranked;
  const since = await guessRecent(services, userId, matching(userId, query.tsquery, narrowed), {
    wanted: MAX_CANDIDATES + 1,
    before: narrowed.before,
  });
  const recent = since && (await rankMatches(services, userId, query, narrowed, { since }));
  // What was said longer ago comes before what is hidden.
  const isEnough = recent?.ranked.isCapped && !recent.hasHidden;
  return isEnough ? recent.ranked : rankAll(services, userId, query, narrowed);
}

/** The newest matches of all, ranked. */
export async function rankAll(
  services: Services,
  userId: string,
  query: Ranking,
  narrowed: ReturnType<typeof narrowSearch>,
): Promise<Ranked> {
  const all = await rankMatches(services, userId, query, narrowed, {});
  return all?.ranked ?? { matches: [], isCapped: false };
}

/**
 * Ranks the newest matches, of those since a moment when there is one; null for the user of more than a few conversations when
 * it is asked of few only. Cover density (how often the words stand there, and how near to each other) and the plain rank, which
 * tells apart what holds more of the words of an OR; both divided by 1 + the logarithm of the length. One word needs both as
 * well: by the plain rank alone the shortest message wins, however often a longer one says the word.
 *
 * For each row cover density clears 32 KB for every lexeme and operator of the query (`ts_rank_cd` in PostgreSQL's tsrank.c), of
 * which a word of any language has several. A text that holds no lexeme of another language is ranked by the English ones, with
 * the same result: either of two words is found in 4 ms then in place of 5.
 */
async function rankMatches(
  services: Services,
  userId: string,
  query: Ranking,
  narrowed: ReturnType<typeof narrowSearch>,
  { since, ofFewOnly = false }: { since?: Date; ofFewOnly?: boolean },
): Promise<{ ranked: Ranked; hasHidden: boolean } | null> {
  const { sql, parameters } = matching(userId, query.tsquery, narrowed);
  const next = (place: number) => `$${parameters.length + place}`;
  const [english, foreign, moment] = [next(1), next(2), next(3)];
  const few = `(SELECT count(*) <= ${FEW_CONVERSATIONS} FROM (
    SELECT FROM conversations WHERE user_id = $1 LIMIT ${FEW_CONVERSATIONS + 1}) AS few)`;
  const limit = MAX_CANDIDATES + 1;
  // As one value: to read a thousand rows costs the client a few milliseconds. With a limit of 0 PostgreSQL does not even begin to
  // look, while a condition that is false it would have its parallel workers find out.
  const [row] = await services.database.query<{
    isAnswered: boolean;
    candidates: number;
    hasHidden: boolean;
    found: [string, string, number][] | null;
  }>(
    `WITH answered AS MATERIALIZED (
       SELECT ${ofFewOnly ? few : 'true'} AS answered
     ), candidates AS MATERIALIZED (
       SELECT s.conversation_id, s.node_id, s.terms, s.kind = 'HIDDEN' AS hidden ${sql} ${since ? isSince(moment) : ''}
       ORDER BY ${SEEN_FIRST} DESC NULLS LAST, s.created_at DESC NULLS LAST, s.conversation_id, s.node_id
       LIMIT ${ofFewOnly ? `(SELECT CASE WHEN answered THEN ${limit} ELSE 0 END FROM answered)` : limit}
     ), ranked AS (
       SELECT conversation_id, node_id,
         max(${rankOf({ english, foreign })}
           * CASE WHEN hidden THEN ${HIDDEN_WEIGHT} WHEN node_id = '' THEN ${TITLE_WEIGHT} ELSE 1 END)::float8 AS score,
         count(*) AS candidates, bool_or(hidden) AS hidden
       FROM candidates GROUP BY conversation_id, node_id
     )
     SELECT (SELECT answered FROM answered) AS "isAnswered", coalesce(sum(candidates), 0)::int AS candidates,
       coalesce(bool_or(hidden), false) AS "hasHidden",
       json_agg(json_build_array(conversation_id, node_id, score)) AS found FROM ranked`,
    [...parameters, query.english, query.foreign, ...(since ? [since] : [])],
    // Of what is asked most the plan is kept; which one is best hangs on filters and moments.
    narrowed.parameters.length === 0 && !since ? `matches ${ofFewOnly ? 'of few' : 'of all'}` : undefined,
  );
  if (!row?.isAnswered) return null;
  const isCapped = row.candidates > MAX_CANDIDATES;
  const matches = (row.found ?? []).map(([conversationId, nodeId, score]) => ({
    conversationId,
    nodeId,
    score,
  }));
  return {
    ranked: { matches: matches.toSorted(compareMatches).slice(0, MAX_CANDIDATES), isCapped },
    hasHidden: row.hasHidden,
  };
}

/** How well the terms of a row fit the query `$2`, whose English form and lexemes of other languages two parameters are. */
export const rankOf = ({ english, foreign }: { english: string; foreign: string }) =>
  `(CASE WHEN terms @@ ${foreign}::tsquery THEN ts_rank_cd(terms, $2::tsquery, 1) ELSE ts_rank_cd(terms, ${english}::tsquery, 1) END
    + ts_rank(terms, $2::tsquery, 1))`;

/** All rows that match, for what may follow a SELECT. */
const matching = (userId: string, tsquery: string | null, narrowed: ReturnType<typeof narrowSearch>) => ({
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

import { takeApart } from '../../text/compound.ts';
import { parseQuery, type SearchQuery } from '../../text/query.ts';
import { nearWords } from '../../text/spelling.ts';
import { isStopWord } from '../../text/stop-words.ts';
import { scanTokens } from '../../text/tokens.ts';
import { parseInput } from '../input.ts';
import { searchQuery } from '../search.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { type Ask, isCancelled, withinTime } from './in-time.ts';

const MAX_WORDS = 4;
const MIN_CHARACTERS = 4;
const MAX_CHARACTERS = 24;
/** Messages in which the right word is looked up, and how far into each. */
const SAMPLE_MESSAGES = 10;
const SAMPLE_CHARACTERS = 100_000;
/** Of pg_trgm: about one wrong letter in five. */
const MIN_SIMILARITY = 0.45;
/** So many rows are read one by one for any of the near words; of more, the index is asked for each. */
const FEW_ROWS = 1_000;
/** What the database may take for one query, all of its words together. */
const MAX_STATEMENTS_MS = 1_000;

/**
 * The query with words that none of the viewer's messages holds replaced by words that some do: by those that are the same with a
 * hyphen, by those one slip of the keyboard away, rather by one that stands together with the rest of the query, else by the most similar word of a title.
 * Null when there is nothing to put right, or when that would take the database long. Meant for a query whose words found
 * nothing; counts as a search when there is a word to look up. Throws a TooManyRequestsError.
 */
export async function suggestSpelling(
  services: Services,
  viewer: Viewer | null,
  given: string,
): Promise<string | null> {
  requireScope(viewer, 'read');
  const query = parseInput(searchQuery, given);
  const words = parseQuery(query).words.filter(
    ({ folded }) =>
      folded.length >= MIN_CHARACTERS && folded.length <= MAX_CHARACTERS && /^\p{L}+$/u.test(folded),
  );
  if (words.length === 0) return null;
  await services.limits.spend('search', viewer);
  try {
    return await services.database.transaction((tx) =>
      correct(withinTime(tx, MAX_STATEMENTS_MS), viewer.userId, query, words),
    );
  } catch (error) {
    if (isCancelled(error)) return null;
    throw error;
  }
}

async function correct(
  ask: Ask,
  userId: string,
  query: string,
  words: SearchQuery['words'],
): Promise<string | null> {
  let corrected = query;
  for (const { raw, folded } of words.slice(0, MAX_WORDS)) {
    if (await isKnown(ask, userId, folded)) continue;
    const near = nearWords(folded);
    const rest = parseQuery(replaceWord(corrected, raw, ' ')).tsquery;
    const better =
      (await writtenApart(ask, userId, folded)) ??
      (rest && (await commonestNear(ask, userId, near, rest))) ??
      (await commonestNear(ask, userId, near, null)) ??
      (await similarInTitles(ask, userId, folded));
    if (better !== null) corrected = replaceWord(corrected, raw, better);
  }
  return corrected === query ? null : corrected;
}

/** What a word may go on with on either side. */
const IN_WORD = /[\p{L}\p{M}\p{N}_]/u;

/** Replaces a word where it stands alone, not inside another. */
function replaceWord(text: string, word: string, by: string): string {
  let replaced = '';
  let at = 0;
  for (let found = text.indexOf(word); found !== -1; found = text.indexOf(word, found + word.length)) {
    const end = found + word.length;
    if (IN_WORD.test(text.charAt(found - 1)) || IN_WORD.test(text.charAt(end))) continue;
    replaced += text.slice(at, found) + by;
    at = end;
  }
  return replaced + text.slice(at);
}

async function isKnown(ask: Ask, userId: string, word: string): Promise<boolean> {
  const { tsquery } = parseQuery(word);
  const rows = await ask('SELECT FROM message_search WHERE user_id = $1 AND terms @@ $2::tsquery LIMIT 1', [
    userId,
    tsquery,
  ]);
  return rows.length > 0;
}

/** A word in two parts that stand together somewhere, as `wi-fi` does; of small words the index does not know. */
async function writtenApart(ask: Ask, userId: string, word: string): Promise<string | null> {
  const parts = [...word]
    .map((_, at) => [word.slice(0, at), word.slice(at)] as const)
    .filter((both) => both.every((part) => part !== '' && !isStopWord(part)));
  const [row] = await ask<{ apart: string }>(
    `SELECT apart FROM unnest($2::text[], $3::tsquery[]) WITH ORDINALITY AS split (apart, phrase, place),
       LATERAL (SELECT FROM message_search s WHERE s.user_id = $1 AND s.terms @@ phrase LIMIT 1) AS held
     ORDER BY place LIMIT 1`,
    [
      userId,
      parts.map((both) => both.join('-')),
      parts.map((both) => parseQuery(`"${both.join(' ')}"`).tsquery),
    ],
  );
  return row?.apart ?? null;
}

/**
 * The near word that most of some messages hold, only where the rest of the query matches when there is one; the texts say
 * how it is written. Of one condition for any of the words PostgreSQL believes that everything meets it, and reads all rows,
 * which is the best for few; of many rows the index is asked for each word.
 */
async function commonestNear(
  ask: Ask,
  userId: string,
  { words, lexemes }: ReturnType<typeof nearWords>,
  rest: string | null,
): Promise<string | null> {
  const [held] = await ask<{ count: number }>(
    `SELECT count(*)::int AS count FROM (SELECT FROM message_search WHERE user_id = $1 LIMIT ${FEW_ROWS + 1}) s`,
    [userId],
  );
  const wanted = (held?.count ?? 0) > FEW_ROWS ? lexemes : [lexemes.join(' | ')];
  const rows = await ask<{ text: string }>(
    `WITH near AS MATERIALIZED (
       SELECT DISTINCT s.conversation_id, s.node_id FROM unnest($2::tsquery[]) AS lexeme
       JOIN message_search s ON s.user_id = $1 AND s.terms @@ ${rest === null ? 'lexeme' : '(lexeme && $5::tsquery)'}
     )
     SELECT coalesce(left(m.text, $3), c.title) AS text FROM (SELECT * FROM near LIMIT $4) s
     JOIN conversations c ON c.user_id = $1 AND c.id = s.conversation_id
     LEFT JOIN messages m ON m.user_id = $1 AND m.conversation_id = s.conversation_id AND m.node_id = s.node_id`,
    [userId, wanted, SAMPLE_CHARACTERS, SAMPLE_MESSAGES, ...(rest === null ? [] : [rest])],
  );
  const counts = new Map<string, number>();
  for (const { text } of rows) {
    const present = new Set<string>();
    scanTokens(text, 0, (start, end) => {
      const { word: folded } = takeApart(text.slice(start, Math.min(end, start + MAX_CHARACTERS * 2)));
      if (words.has(folded)) present.add(folded);
      return true;
    });
    for (const each of present) counts.set(each, (counts.get(each) ?? 0) + 1);
  }
  const [best] = [...counts].toSorted(([, a], [, b]) => b - a);
  return best?.[0] ?? null;
}

async function similarInTitles(ask: Ask, userId: string, word: string): Promise<string | null> {
  const [row] = await ask<{ word: string }>(
    `SELECT word FROM (
       SELECT DISTINCT unnest(regexp_split_to_array(lower(title), '\\W+')) AS word FROM conversations WHERE user_id = $1
     ) AS vocabulary
     WHERE length(word) >= ${MIN_CHARACTERS} AND similarity(word, $2) >= ${MIN_SIMILARITY}
     ORDER BY similarity(word, $2) DESC, word LIMIT 1`,
    [userId, word],
  );
  return row?.word ?? null;
}

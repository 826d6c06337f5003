import { takeApart } from '../../text/compound.ts';
import { parseQuery } from '../../text/query.ts';
import { nearWords } from '../../text/spelling.ts';
import { scanTokens } from '../../text/tokens.ts';
import { parseInput } from '../input.ts';
import { searchQuery } from '../search.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';

const MAX_WORDS = 4;
const MIN_CHARACTERS = 4;
const MAX_CHARACTERS = 24;
/** Messages in which the right word is looked up, and how far into each. */
const SAMPLE_MESSAGES = 10;
const SAMPLE_CHARACTERS = 100_000;
/** Of pg_trgm: about one wrong letter in five. */
const MIN_SIMILARITY = 0.45;

/**
 * The query with words that none of the viewer's messages holds replaced by words that some do: by those one slip of the
 * keyboard away, rather by one that stands together with the rest of the query, else by the most similar word of a title.
 * Null when there is nothing to put right. Meant for a query whose words found nothing.
 */
export async function suggestSpelling(
  services: Services,
  viewer: Viewer | null,
  given: string,
): Promise<string | null> {
  requireScope(viewer, 'read');
  const query = parseInput(searchQuery, given);
  let corrected = query;
  const words = parseQuery(query).words.filter(
    ({ folded }) =>
      folded.length >= MIN_CHARACTERS && folded.length <= MAX_CHARACTERS && /^\p{L}+$/u.test(folded),
  );
  for (const { raw, folded } of words.slice(0, MAX_WORDS)) {
    if (await isKnown(services, viewer.userId, folded)) continue;
    const rest = parseQuery(replaceWord(corrected, raw, ' ')).tsquery;
    const better =
      (rest && (await commonestNear(services, viewer.userId, folded, rest))) ??
      (await commonestNear(services, viewer.userId, folded, null)) ??
      (await similarInTitles(services, viewer.userId, folded));
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

async function isKnown(services: Services, userId: string, word: string): Promise<boolean> {
  const { tsquery } = parseQuery(word);
  const rows = await services.database.query(
    'SELECT FROM message_search WHERE user_id = $1 AND terms @@ $2::tsquery LIMIT 1',
    [userId, tsquery],
  );
  return rows.length > 0;
}

/**
 * The index is asked for all near words at once, only where the rest of the query matches when there is one; the texts then
 * say how the word is written.
 */
async function commonestNear(
  services: Services,
  userId: string,
  word: string,
  rest: string | null,
): Promise<string | null> {
  const { words, tsquery } = nearWords(word);
  const rows = await services.database.query<{ text: string }>(
    `SELECT coalesce(left(m.text, $3), c.title) AS text FROM (
       SELECT conversation_id, node_id FROM message_search WHERE user_id = $1 AND terms @@ $2::tsquery LIMIT $4
     ) s
     JOIN conversations c ON c.user_id = $1 AND c.id = s.conversation_id
     LEFT JOIN messages m ON m.user_id = $1 AND m.conversation_id = s.conversation_id AND m.node_id = s.node_id`,
    [userId, rest === null ? tsquery : `(${tsquery}) & (${rest})`, SAMPLE_CHARACTERS, SAMPLE_MESSAGES],
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

async function similarInTitles(services: Services, userId: string, word: string): Promise<string | null> {
  const [row] = await services.database.query<{ word: string }>(
    `SELECT word FROM (
       SELECT DISTINCT unnest(regexp_split_to_array(lower(title), '\\W+')) AS word FROM conversations WHERE user_id = $1
     ) AS vocabulary
     WHERE length(word) >= ${MIN_CHARACTERS} AND similarity(word, $2) >= ${MIN_SIMILARITY}
     ORDER BY similarity(word, $2) DESC, word LIMIT 1`,
    [userId, word],
  );
  return row?.word ?? null;
}

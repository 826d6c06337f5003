import { countTerms } from '../retrieval/term-weights.ts';
import type { Services } from '../services.ts';

/** A word that titles share. */
export interface Topic {
  word: string;
  /** How many titles hold it. */
  conversations: number;
}

/** The newest titles that are looked at: enough to tell, and bounded. */
const MAX_TITLES = 20_000;
const MAX_TOPICS = 30;
const MIN_CHARACTERS = 3;

/**
 * What conversations are about: the words that most titles share (document frequency), without stop words and numbers. Titles
 * are what the provider's own model made of each conversation, so that nothing has to be guessed from the text here.
 */
export async function countTopics(services: Services, userId: string): Promise<Topic[]> {
  const rows = await services.database.query<{ title: string }>(
    `SELECT title FROM conversations WHERE user_id = $1 ORDER BY updated_at DESC LIMIT ${MAX_TITLES}`,
    [userId],
  );
  const counts = new Map<string, number>();
  for (const { title } of rows) {
    for (const word of countTerms(title).keys()) {
      if (word.length < MIN_CHARACTERS || /^\d+$/.test(word)) continue;
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return [...counts]
    .toSorted(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
    .slice(0, MAX_TOPICS)
    .map(([word, conversations]) => ({ word, conversations }));
}

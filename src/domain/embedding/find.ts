import { SemanticSearchUnavailableError } from '../errors.ts';
import type { narrowSearch } from '../search/filter.ts';
import { MAX_CANDIDATES, type Match } from '../search/match.ts';
import type { Services } from '../services.ts';
import { hasMeaning, requireMeaning } from './availability.ts';
import { fuseByRank } from './fuse.ts';
import { findNearest, MAX_NEAREST } from './nearest.ts';
import { readMeaning } from './question.ts';

/** How to look: by words, by meaning, by both, or by the best that there is. */
export const searchModes = ['AUTO', 'KEYWORD', 'SEMANTIC', 'HYBRID'] as const;
export type SearchMode = (typeof searchModes)[number];

export interface Found {
  /** The best first. */
  matches: Match[];
  isCapped: boolean;
}

interface FoundByMode extends Found {
  mode: Exclude<SearchMode, 'AUTO'>;
  /** Nothing was found by words, or, where they were not looked for, at all. */
  isMissed: boolean;
}

/**
 * Looks in the way that was asked for; `byWords` is the search by words. AUTO is HYBRID where that is set up and the
 * model answers, else KEYWORD; `mode` says what it came to. Throws a SemanticSearchUnavailableError.
 */
export async function findByMode(
  services: Services,
  userId: string,
  asked: { mode: SearchMode; query: string; filter: Parameters<typeof narrowSearch>[0] },
  byWords: () => Promise<Found>,
): Promise<FoundByMode> {
  const { mode, query, filter } = asked;
  const only = (found: Found, way: FoundByMode['mode']) => ({
    ...found,
    mode: way,
    isMissed: found.matches.length === 0,
  });
  if (mode === 'KEYWORD' || (mode === 'AUTO' && !hasMeaning(services))) {
    return only(await byWords(), 'KEYWORD');
  }
  const byMeaning = findByMeaning(services, userId, query, filter);
  if (mode === 'SEMANTIC') return only(await byMeaning, mode);
  const [words, meaning] = await Promise.all([
    byWords(),
    byMeaning.catch((error) => {
      if (mode === 'AUTO' && error instanceof SemanticSearchUnavailableError) return null;
      throw error;
    }),
  ]);
  if (!meaning) return only(words, 'KEYWORD');
  const matches = fuseByRank([words.matches, meaning.matches]);
  return {
    matches: matches.slice(0, MAX_CANDIDATES),
    isCapped: words.isCapped || meaning.isCapped || matches.length > MAX_CANDIDATES,
    mode: 'HYBRID',
    isMissed: words.matches.length === 0,
  };
}

async function findByMeaning(
  services: Services,
  userId: string,
  query: string,
  filter: Parameters<typeof narrowSearch>[0],
): Promise<Found> {
  const model = requireMeaning(services);
  const { text, excluded } = readMeaning(query);
  const vector = text === '' ? null : await model.embedQuery(text);
  if (!vector) return { matches: [], isCapped: false };
  const matches = await findNearest(services, userId, model.name, vector, { filter, excluded });
  return { matches, isCapped: matches.length === MAX_NEAREST };
}

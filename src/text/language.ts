import type { Language } from './stems.ts';
import { votingLanguages } from './stop-words.ts';

/** How many words of a text vote about its language. */
export const VOTERS = 400;

const MIN_VOTES = 2;
const MIN_SHARE = 0.15;
/** How much likelier than English, of which names, code and quotations stand anywhere. */
const OVER_ENGLISH = 1.5;

/**
 * The language whose commonest words stand in a text clearly more often than those of any other; English when none does.
 * Text that is taken for the wrong language is found all the same, by its words as they are written.
 */
export function createVote() {
  const counts = votingLanguages.map(() => 0);
  let voters = 0;
  return {
    /** Takes a word's votes, as bits in the order of `votingLanguages`. */
    count(votes: number): void {
      voters += 1;
      for (let bit = 0, rest = votes; rest !== 0; bit += 1, rest >>= 1) {
        if (rest & 1) counts[bit] = (counts[bit] ?? 0) + 1;
      }
    },
    /** Some are English, and no more are of another language. */
    isEnglish(): boolean {
      const [english = 0, ...others] = counts;
      return english > 0 && english >= Math.max(...others);
    },
    language(): Language {
      const [english = 0, ...others] = counts;
      const most = Math.max(...others);
      const isClear =
        most >= Math.max(MIN_VOTES, voters * MIN_SHARE, english * OVER_ENGLISH) &&
        others.indexOf(most) === others.lastIndexOf(most);
      return isClear ? (votingLanguages[others.indexOf(most) + 1] ?? 'en') : 'en';
    },
  };
}

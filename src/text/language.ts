import type { Language } from './stems.ts';
import { votingLanguages } from './stop-words.ts';

/** How many words of a text vote about its language. */
export const VOTERS = 400;

const MIN_VOTES = 2;
const MIN_SHARE = 0.15;
/** How much likelier than English, in which names, code and quotations stand anywhere. */
const OVER_ENGLISH = 1.5;

/**
 * The language whose commonest words stand in a text clearly more often than those of any other; English when none does.
 * Text that is taken for the wrong language is found all the same, by its words as they are written.
 */
export function createVote() {
  const counts = new Uint32Array(votingLanguages.length);
  let voters = 0;
  return {
    count(votes: number): void {
      voters += 1;
      for (let rest = votes; rest !== 0; rest &= rest - 1) {
        const bit = 31 - Math.clz32(rest & -rest);
        counts[bit] = (counts[bit] ?? 0) + 1;
      }
    },
    get voters() {
      return voters;
    },
    language(): Language {
      const [english = 0, ...others] = counts;
      const most = Math.max(...others);
      const clear =
        most >= MIN_VOTES &&
        most >= voters * MIN_SHARE &&
        most > english * OVER_ENGLISH &&
        others.indexOf(most) === others.lastIndexOf(most);
      return clear ? (votingLanguages[others.indexOf(most) + 1] ?? 'en') : 'en';
    },
  };
}

import { takeApart } from '../../text/compound.ts';
import { isStopWord } from '../../text/stop-words.ts';
import { scanTokens } from '../../text/tokens.ts';

/** A longer text is compared by its beginning. */
const MAX_CHARACTERS = 8_000;
const MAX_WORD_CHARACTERS = 64;

/** Weights of the words of a text; the sum of their squares is 1. */
export type TermWeights = Map<string, number>;

/**
 * What each of some texts is about, to compare them with each other: words weighted by tf-idf (1 + ln tf, times
 * ln(1 + n / df) over these texts), normalised to length 1. Salton and Buckley, "Term-weighting approaches in automatic
 * text retrieval", 1988.
 */
export function weighTerms(texts: string[]): TermWeights[] {
  const counted = texts.map(countTerms);
  const held = new Map<string, number>();
  for (const counts of counted) for (const term of counts.keys()) held.set(term, (held.get(term) ?? 0) + 1);
  return counted.map((counts) => {
    const weights = new Map<string, number>();
    let squares = 0;
    for (const [term, count] of counts) {
      const weight = (1 + Math.log(count)) * Math.log(1 + texts.length / (held.get(term) ?? 1));
      weights.set(term, weight);
      squares += weight * weight;
    }
    const length = Math.sqrt(squares);
    for (const [term, weight] of weights) weights.set(term, weight / length);
    return weights;
  });
}

/** The cosine between two texts: 0 without a word in common, 1 with the same words as often. */
export function similarity(a: TermWeights, b: TermWeights): number {
  const [small, large] = a.size <= b.size ? [a, b] : [b, a];
  let product = 0;
  for (const [term, weight] of small) product += weight * (large.get(term) ?? 0);
  return product;
}

/** The words of meaning of a text, folded and in lower case, and how often each stands in its first 8,000 characters. */
export function countTerms(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  scanTokens(text.slice(0, MAX_CHARACTERS), 0, (start, end) => {
    const { word } = takeApart(text.slice(start, Math.min(end, start + MAX_WORD_CHARACTERS)));
    if (word !== '' && !isStopWord(word)) counts.set(word, (counts.get(word) ?? 0) + 1);
    return true;
  });
  return counts;
}

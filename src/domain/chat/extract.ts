/** Topics and summaries without a model: counted words, and sentences of the text itself. */
import { foldWord } from '../../text/fold.ts';
import { contentWordsOf } from './question.ts';

const MAX_TOPICS = 8;
const MAX_SENTENCES = 5;
/** Longer ones are lists or code rather than sentences. */
const MAX_SENTENCE_CHARACTERS = 400;
/** Sentences among which to choose, from the beginning of a text. */
const MAX_CANDIDATES = 2_000;
/** What is read of a text. */
const MAX_CHARACTERS = 500_000;

const sentences = new Intl.Segmenter('und', { granularity: 'sentence' });

/** The words of meaning that a text has most often, two times at least, as they are first written. */
export function extractTopics(text: string): string[] {
  const counted = new Map<string, { word: string; count: number }>();
  for (const word of contentWordsOf(text.slice(0, MAX_CHARACTERS))) {
    if (!/\p{L}{2}/u.test(word)) continue;
    const key = foldWord(word);
    const known = counted.get(key);
    if (known) known.count += 1;
    else counted.set(key, { word, count: 1 });
  }
  return [...counted.values()]
    .filter(({ count }) => count > 1)
    .toSorted((a, b) => b.count - a.count)
    .slice(0, MAX_TOPICS)
    .map(({ word }) => word);
}

/**
 * Up to five sentences of a text, in its order: SumBasic (Nenkova and Vanderwende, 2005). A sentence is worth the mean
 * probability of its words of meaning; each choice squares that of the words it holds, so that the next one tells
 * something else.
 */
export function extractSummary(text: string): string {
  const candidates: { sentence: string; words: string[]; order: number }[] = [];
  const counts = new Map<string, number>();
  let total = 0;
  for (const { segment } of sentences.segment(text.slice(0, MAX_CHARACTERS))) {
    const sentence = segment.replaceAll(/\s+/g, ' ').trim();
    if (sentence === '' || sentence.length > MAX_SENTENCE_CHARACTERS) continue;
    const words = [...contentWordsOf(sentence)].map(foldWord);
    if (words.length < 2) continue;
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
    total += words.length;
    candidates.push({ sentence, words, order: candidates.length });
    if (candidates.length === MAX_CANDIDATES) break;
  }
  const probability = new Map([...counts].map(([word, count]) => [word, count / total]));
  const worth = ({ words }: { words: string[] }) =>
    words.reduce((sum, word) => sum + (probability.get(word) ?? 0), 0) / words.length;
  const chosen: typeof candidates = [];
  while (chosen.length < MAX_SENTENCES && candidates.length > 0) {
    const best = candidates.reduce((a, b) => (worth(b) > worth(a) ? b : a));
    candidates.splice(candidates.indexOf(best), 1);
    chosen.push(best);
    for (const word of new Set(best.words)) probability.set(word, (probability.get(word) ?? 0) ** 2);
  }
  return chosen
    .toSorted((a, b) => a.order - b.order)
    .map(({ sentence }) => sentence)
    .join(' ');
}

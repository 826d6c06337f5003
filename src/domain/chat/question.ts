import { foldWord } from '../../text/fold.ts';
import { isStopWord, votesOf } from '../../text/stop-words.ts';

/** More words than any text is likely to hold at once. */
const MAX_WORDS_OF_ALL = 12;
/** What a query of the search may be long, with room for the operators. */
const MAX_QUERY_CHARACTERS = 900;

const segmenter = new Intl.Segmenter('und', { granularity: 'word' });

/** The words of a text that carry meaning in it, as they stand, in order: none of the commonest ones of any language known here. */
export function* contentWordsOf(text: string): Generator<string> {
  for (const { segment, isWordLike } of segmenter.segment(text)) {
    const folded = isWordLike ? foldWord(segment) : '';
    if (folded !== '' && !isStopWord(folded) && votesOf(folded) === 0) yield segment;
  }
}

/** The quoted phrases and the words of meaning of some texts, as terms of the search, in order and each once. */
export function termsOf(texts: string[]): string[] {
  const terms = new Map<string, string>();
  for (const text of texts) {
    const phrases = [...text.matchAll(/"([^"]+)"/g)].map(([, phrase = '']) => phrase.trim());
    for (const phrase of phrases.filter((each) => each !== '')) terms.set(phrase, `"${phrase}"`);
    for (const word of contentWordsOf(text.replaceAll(/"[^"]*"/g, ' '))) terms.set(foldWord(word), word);
  }
  return [...terms.values()];
}

/**
 * A query of the search for all or any of some terms, as many as it may be long. Null when there are none, or too many for a
 * text to hold all.
 */
export function searchQueryOf(terms: string[], match: 'all' | 'any'): string | null {
  if (match === 'all' && terms.length > MAX_WORDS_OF_ALL) return null;
  const operator = match === 'all' ? ' ' : ' OR ';
  let query = '';
  for (const term of terms) {
    const longer = query === '' ? term : query + operator + term;
    if (longer.length > MAX_QUERY_CHARACTERS) break;
    query = longer;
  }
  return query === '' ? null : query;
}

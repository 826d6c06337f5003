import { foldWord } from '../../text/fold.ts';
import { createVote } from '../../text/language.ts';
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

/** The words of meaning of a question: what is common in another language alone says something in an English one ("my son"). */
export function questionWordsOf(text: string): string[] {
  const vote = createVote();
  const words = [...segmenter.segment(text)].filter(({ isWordLike }) => isWordLike);
  for (const { segment } of words) vote.count(votesOf(foldWord(segment)));
  return vote.isEnglish() ? tellingWordsOf(text) : [...contentWordsOf(text)];
}

/** All but small words of English, which alone are not in the index. */
const tellingWordsOf = (text: string): string[] =>
  [...segmenter.segment(text)].flatMap(({ segment, isWordLike }) => {
    const folded = isWordLike ? foldWord(segment) : '';
    return folded === '' || isStopWord(folded) ? [] : [segment];
  });

/** `AT&T` and `C++`, of which the words alone say nothing. */
const names = /(?<=^|[\s("])(?:\p{Lu}+(?:[&/.+-]\p{Lu}+)+|[A-Za-z](?:\+\+|#))(?=[\s)",.;:?!]|$)/gu;
const isName = (name: string) =>
  /[+#]$/.test(name) || name.split(/[^\p{L}]/u).every((each) => isStopWord(foldWord(each)));
const namesOf = (text: string) => [...text.matchAll(names)].map(([name]) => name).filter(isName);

/** What to look for in a text of which an excerpt is shown, in lower case. */
export function focusOf(question: string): string[] {
  const words = [...questionWordsOf(question), ...namesOf(question)];
  return [...new Set((words.length > 0 ? words : restOf(question)).map((each) => each.toLowerCase()))].filter(
    (each) => each !== '',
  );
}

/** Of a question without words of meaning: those that are common elsewhere only ("MIT"), else all of it, without what ends it. */
function restOf(question: string): string[] {
  const words = tellingWordsOf(question);
  const phrase = question.replaceAll('"', ' ').replace(/[?!.,;:…\s]+$/u, '');
  return words.length > 0 ? words : [phrase.trim()];
}

/**
 * The quoted phrases, the names and the words of meaning of some texts, as terms of the search, in order and each once; of texts
 * without any, such as "to be or not to be", what there is in the first.
 */
export function termsOf(texts: string[]): string[] {
  const terms = new Map<string, string>();
  for (const text of texts) {
    const phrases = [...text.matchAll(/"([^"]+)"/g)].map(([, phrase = '']) => phrase.trim());
    for (const phrase of phrases.filter((each) => each !== '')) terms.set(phrase, `"${phrase}"`);
    const rest = text.replaceAll(/"[^"]*"/g, ' ');
    const found = namesOf(rest);
    for (const name of found) terms.set(name, `"${name}"`);
    const plain = found.reduce((left, name) => left.replaceAll(name, ' '), rest);
    for (const word of questionWordsOf(plain)) terms.set(foldWord(word), word);
  }
  if (terms.size > 0) return [...terms.values()];
  return restOf(texts[0] ?? '').flatMap((each) => (each === '' ? [] : [`"${each}"`]));
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

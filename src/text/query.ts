/** Web-style queries, cut by the analyzer of the index, as a tsquery that PostgreSQL can always read. */
import { composePaired } from './characters.ts';
import { takeApart } from './compound.ts';
import { MAX_WORD_CHARACTERS } from './fold.ts';
import { createVote } from './language.ts';
import { lexemesInAnyLanguage } from './stems.ts';
import { isStopWord, votesOf, votingLanguages } from './stop-words.ts';
import { scanTokens } from './tokens.ts';

export interface SearchQuery {
  /** Every lexeme quoted; null when there is nothing to look for. */
  tsquery: string | null;
  /** The same for an English text, which holds one lexeme of each word; all that a text without any of `foreign` can match by. */
  english: string | null;
  /** The lexemes of words in other languages, as a tsquery for any of them; null when there are none. */
  foreign: string | null;
  /** The lexemes that matches are known by. */
  wanted: ReadonlySet<string>;
  /** Single characters of scripts without spaces, which any lexeme may begin with. */
  prefixes: ReadonlySet<string>;
  /** What was asked for as plain words, folded; `raw` is how each stands in the query. */
  words: { raw: string; folded: string }[];
}

/** So many tokens of a query count. */
const MAX_QUERY_TOKENS = 64;

/** What stands between blanks or in quotes. */
interface Term {
  /** As it is typed, without quotes. */
  text: string;
  tokens: { raw: string; isPair: boolean; position: number }[];
  isExcluded: boolean;
  isQuoted: boolean;
}

const blanks = /\s+|,(?!\d)|[;!|，。、；！？]|\?(?=\s|$)/u;

/**
 * Reads words that must all be there, "quoted phrases", -exclusions, and OR between what may be there instead. A word
 * with punctuation inside, such as `src/app.ts`, is a phrase. Whatever else stands there is no operator, nor are two dashes:
 * `--amend` is an option of a command. An exclusion alone finds nothing.
 */
export function parseQuery(text: string): SearchQuery {
  const branches = splitTerms(composePaired(text)).map((terms) => dropCommonWords(terms));
  const notes: Notes = { wanted: new Set(), prefixes: new Set(), words: [] };
  const foreign = new Set<string>();
  const tsquery = writeBranches(branches, notes, (word) => {
    const lexemes = lexemesInAnyLanguage(word);
    for (const lexeme of lexemes.slice(1)) foreign.add(lexeme);
    return lexemes;
  });
  const english = writeBranches(branches, null, (word) => lexemesInAnyLanguage(word).slice(0, 1));
  return {
    ...notes,
    tsquery,
    english,
    foreign: foreign.size > 0 ? [...foreign].map(quote).join(' | ') : null,
  };
}

/** What a query excludes in any of its branches, in a form that excludes the same from another query. */
export const exclusionsOf = (text: string): string[] =>
  splitTerms(composePaired(text))
    .flat()
    .flatMap((term) => (term.isExcluded ? [`-"${term.text}"`] : []));

/** What is gathered of a query besides its tsquery. */
type Notes = Pick<SearchQuery, 'words'> & { wanted: Set<string>; prefixes: Set<string> };
/** The lexemes of a folded word that are looked for. */
type LexemesOf = (folded: string) => readonly string[];

function writeBranches(branches: Term[][], notes: Notes | null, lexemesOf: LexemesOf): string | null {
  const alternatives = branches.flatMap((terms) => {
    const required = terms
      .filter((term) => !term.isExcluded)
      .map((term) => writeTerm(term, notes, lexemesOf));
    const excluded = terms.filter((term) => term.isExcluded).map((term) => writeTerm(term, null, lexemesOf));
    const wanted = required.filter((term) => term !== null);
    if (wanted.length === 0) return [];
    return [[...wanted, ...excluded.flatMap((term) => (term === null ? [] : [`!${term}`]))].join(' & ')];
  });
  return alternatives.length > 0 ? alternatives.join(' | ') : null;
}

/** The terms of each branch of OR. */
function splitTerms(text: string): Term[][] {
  const branches: Term[][] = [[]];
  let left = MAX_QUERY_TOKENS;
  const add = (words: string, isExcluded: boolean, isQuoted: boolean) => {
    const tokens = tokensOf(words).slice(0, left);
    left -= tokens.length;
    if (tokens.length > 0) branches.at(-1)?.push({ text: words, tokens, isExcluded, isQuoted });
  };
  // Outside of quotes at even places; a quote that is never closed goes to the end.
  const parts = text.split(/["“”„]/u);
  for (const [index, part] of parts.entries()) {
    if (index % 2 === 1) add(part, /(^|\s)-$/.test(parts[index - 1] ?? ''), true);
    else {
      for (const word of part.split(blanks)) {
        if (word === 'OR') branches.push([]);
        else add(word, /^-[^-]/.test(word), false);
      }
    }
  }
  return branches;
}

function tokensOf(text: string): Term['tokens'] {
  const tokens: Term['tokens'] = [];
  let position = 0;
  let runEnd = -1;
  scanTokens(text, 0, (start, end, isPair) => {
    position += 1;
    // The last of a run stands in the pair before it.
    if (!isPair || end !== runEnd) {
      tokens.push({ raw: text.slice(start, Math.min(end, start + MAX_WORD_CHARACTERS)), isPair, position });
    }
    runEnd = isPair ? end : -1;
    return tokens.length < MAX_QUERY_TOKENS;
  });
  return tokens;
}

/** A question in another language than English asks with words that its answer need not hold. */
function dropCommonWords(terms: Term[]): Term[] {
  const vote = createVote();
  const votes = terms.map((term) => {
    const [token, ...others] = term.tokens;
    const isWord = others.length === 0 && !term.isQuoted && !term.isExcluded;
    return token && isWord ? votesOf(takeApart(token.raw).word) : 0;
  });
  for (const bits of votes) vote.count(bits);
  const bit = votingLanguages.indexOf(vote.language());
  if (bit === 0) return terms;
  const others = terms.filter((_, index) => (((votes[index] ?? 0) >> bit) & 1) === 0);
  return others.some((term) => !term.isExcluded) ? others : terms;
}

/** A term as a tsquery in parentheses; null when only stop words are in it. */
function writeTerm(term: Term, notes: Notes | null, lexemesOf: LexemesOf): string | null {
  let written = '';
  let last = 0;
  for (const { raw, isPair, position } of term.tokens) {
    const token = isPair ? writePaired(raw, notes) : writeWord(raw, notes, lexemesOf);
    if (token === null) continue;
    written += written === '' ? token : ` <${position - last}> ${token}`;
    last = position;
  }
  return written === '' ? null : `(${written})`;
}

function writePaired(raw: string, notes: Notes | null): string | null {
  const { word } = takeApart(raw);
  if (word === '') return null;
  const isSingle = [...raw].length === 1;
  (isSingle ? notes?.prefixes : notes?.wanted)?.add(word);
  return isSingle ? `${quote(word)}:*` : quote(word);
}

function writeWord(raw: string, notes: Notes | null, lexemesOf: LexemesOf): string | null {
  const { word, parts } = takeApart(raw);
  if (word === '' || (parts.length === 0 && isStopWord(word))) return null;
  if (parts.length === 0) notes?.words.push({ raw, folded: word });
  const alternatives = lexemesOf(word);
  const written = alternatives.map(quote);
  for (const lexeme of alternatives) notes?.wanted.add(lexeme);
  const telling = parts.filter((part) => !isStopWord(part));
  if (telling.length > 1) {
    const lexemes = telling.map(lexemesOf);
    for (const lexeme of lexemes.flat()) notes?.wanted.add(lexeme);
    // All parts of a name stand at its position.
    written.push(lexemes.map((each) => `(${each.map(quote).join(' | ')})`).join(' <0> '));
  }
  return written.length === 1 ? (written[0] ?? null) : `(${written.join(' | ')})`;
}

const quote = (lexeme: string) => `'${lexeme.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

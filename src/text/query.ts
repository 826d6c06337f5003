/** Web-style queries, cut by the analyzer of the index, as a tsquery that PostgreSQL can always read. */
import { composePaired } from './characters.ts';
import { takeApart } from './compound.ts';
import { foldWord } from './fold.ts';
import { createVote } from './language.ts';
import { type Literal, literalOf } from './literal.ts';
import { lexemesInAnyLanguage } from './stems.ts';
import { isStopWord, votesOf, votingLanguages } from './stop-words.ts';
import { type Branch, splitBranches, type Term } from './terms.ts';

/** What the index can say of some messages, as far as it can. */
interface Indexed {
  /** Every lexeme quoted; null when there is nothing to look for. */
  tsquery: string | null;
  /** The same for an English text, which holds one lexeme of each word; all that a text without any of `foreign` can match by. */
  english: string | null;
}

/** A branch of OR with what the index does not hold: its messages have to be read. */
export interface ReadBranch extends Indexed {
  required: Literal[];
  excluded: Literal[];
}

export interface SearchQuery extends Indexed {
  /** The lexemes of words in other languages, as a tsquery for any of them; null when there are none. */
  foreign: string | null;
  /** Branches of OR besides those that the index answers alone. */
  toRead: ReadBranch[];
  /** The lexemes that matches are known by. */
  wanted: ReadonlySet<string>;
  /** Single characters of scripts without spaces, which any lexeme may begin with. */
  prefixes: ReadonlySet<string>;
  /** What is looked for in the text itself. */
  literals: readonly RegExp[];
  /** What was asked for as plain words, folded; `raw` is how each stands in the query. */
  words: { raw: string; folded: string }[];
}

/**
 * Reads words that must all be there, "quoted phrases", -exclusions, and OR between what may be there instead. A word
 * with punctuation inside, such as `src/app.ts`, is a phrase. Whatever else stands there is no operator, nor are two dashes:
 * `--amend` is an option of a command. An exclusion alone finds nothing.
 *
 * Small words are left out beside others, unless they are quoted, excluded or a name such as `AT&T`; where nothing else is
 * left, they are looked for as they are typed, and so are signs.
 */
export function parseQuery(text: string): SearchQuery {
  const branches = splitBranches(composePaired(text)).map(({ terms, plain }) => ({
    terms: dropCommonWords(terms),
    plain,
  }));
  const hasIndexed = branches.some(isIndexed);
  const notes: Notes = { wanted: new Set(), prefixes: new Set(), words: [] };
  const foreign = new Set<string>();
  const all = (word: string) => {
    const lexemes = lexemesInAnyLanguage(word);
    for (const lexeme of lexemes.slice(1)) foreign.add(lexeme);
    return lexemes;
  };
  const read = branches.map((branch) => ({
    tsquery: writeBranch(branch, notes, all),
    english: writeBranch(branch, null, (word) => lexemesInAnyLanguage(word).slice(0, 1)),
    required: requiredLiterals(branch, hasIndexed),
    excluded: branch.terms.flatMap((term) =>
      isExcludedLiteral(term) ? (literalOf(term.text, term) ?? []) : [],
    ),
  }));
  const toRead = read.filter(
    ({ tsquery, required, excluded }) => required.length > 0 || (tsquery !== null && excluded.length > 0),
  );
  const others = read.filter((branch) => !toRead.includes(branch));
  const joined = joinAlike(toRead);
  return {
    ...notes,
    tsquery: anyOf(others.map(({ tsquery }) => tsquery)),
    english: anyOf(others.map(({ english }) => english)),
    foreign: foreign.size > 0 ? [...foreign].map(quote).join(' | ') : null,
    toRead: joined,
    literals: joined.flatMap(({ required }) => required.map(({ pattern }) => pattern)),
  };
}

/** Branches that ask the same of the text itself, as those of the words of one query with the same exclusions, are read as one. */
function joinAlike(branches: ReadBranch[]): ReadBranch[] {
  const alike = Map.groupBy(branches, ({ tsquery, required, excluded }) =>
    JSON.stringify([tsquery === null, ...[required, excluded].map((each) => each.map(({ sql }) => sql))]),
  );
  return [...alike.values()].map((same) => ({
    tsquery: anyOf(same.map(({ tsquery }) => tsquery)),
    english: anyOf(same.map(({ english }) => english)),
    required: same[0]?.required ?? [],
    excluded: same[0]?.excluded ?? [],
  }));
}

/** What a query excludes in any of its branches, in a form that excludes the same from another query. */
export const exclusionsOf = (text: string): string[] =>
  splitBranches(composePaired(text))
    .flatMap(({ terms }) => terms)
    .flatMap((term) => (term.isExcluded ? [term.isQuoted ? `-"${term.text}"` : `-${term.text}`] : []));

/** What is gathered of a query besides its tsquery. */
type Notes = Pick<SearchQuery, 'words'> & { wanted: Set<string>; prefixes: Set<string> };
/** The lexemes of a folded word that are looked for. */
type LexemesOf = (folded: string) => readonly string[];

const anyOf = (branches: (string | null)[]): string | null =>
  branches.filter((branch) => branch !== null).join(' | ') || null;

function writeBranch({ terms }: Branch, notes: Notes | null, lexemesOf: LexemesOf): string | null {
  const wanted = terms.flatMap((term) => (term.isExcluded ? [] : (writeTerm(term, notes, lexemesOf) ?? [])));
  if (wanted.length === 0) return null;
  const excluded = terms
    .filter((term) => term.isExcluded && !isExcludedLiteral(term))
    .flatMap((term) => writeTerm(term, null, lexemesOf) ?? [])
    .map((term) => `!${term}`);
  return [...wanted, ...excluded].join(' & ');
}

/** Whether the index knows of a term, which is not all small words. */
const isKnown = (term: Term) => writeTerm(term, null, (word) => [word]) !== null;
const isIndexed = ({ terms }: Branch) => terms.some((term) => !term.isExcluded && isKnown(term));

/** `C++` and `C#`, of which a letter is indexed that stands everywhere. */
const isSharp = ({ text }: Term) => /^[a-z](\+\+|#)$/i.test(text);
/** Not `-a`, an option of a command. */
const isExcludedLiteral = (term: Term) =>
  term.isExcluded && (isSharp(term) || (!isKnown(term) && term.text.trim().length > 1));
/** `AT&T`, but not `don't`. */
const isJoined = ({ text, tokens }: Term) => tokens.length > 1 && !/['’]/.test(text);

/** Where a branch is all small words and signs, and none of them is quoted or a name, all of it; but nothing of `the OR boat`. */
function requiredLiterals(branch: Branch, hasIndexed: boolean): Literal[] {
  const { terms, plain } = branch;
  const telling = terms
    .filter((term) => !term.isExcluded)
    .filter((term) => isSharp(term) || (!isKnown(term) && (term.isQuoted || isJoined(term))));
  // A question mark is no part of what is asked for.
  const rest = /[\p{L}\p{N}]/u.test(plain) ? plain.replace(/[?!.,;:…]+$/u, '') : plain;
  const typed = telling.length > 0 || hasIndexed ? telling : [{ text: rest, isQuoted: false }];
  return typed.flatMap((each) => literalOf(each.text, each) ?? []);
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
  if (written === '') return null;
  const joined = writeJoined(term, notes, lexemesOf);
  return joined === null ? `(${written})` : `(${written} | ${joined})`;
}

/** What some write in one word: `wi-fi`, `COVID-19`, `node.js`, `O'Brien`, `1,000,000`. */
const joinable =
  /^(?:\p{L}[\p{L}\p{N}]*(?:-[\p{L}\p{N}]+){1,2}|\p{L}{2,}\.\p{L}+|\p{L}['’]\p{L}{3,}|\p{N}{1,3}(?:,\p{N}{3})+)$/u;

function writeJoined({ text, isQuoted }: Term, notes: Notes | null, lexemesOf: LexemesOf): string | null {
  if (isQuoted || !joinable.test(text)) return null;
  const lexemes = lexemesOf(foldWord(text.replaceAll(/[-.,'’]/g, '')));
  for (const lexeme of lexemes) notes?.wanted.add(lexeme);
  return lexemes.map(quote).join(' | ');
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
  const apart = writeNumbered(word, notes, lexemesOf);
  if (apart !== null) written.push(apart);
  return written.length === 1 ? (written[0] ?? null) : `(${written.join(' | ')})`;
}

/** A name and its number, which others write apart: `vue3`, `utf8`, `gpt4o`. */
function writeNumbered(word: string, notes: Notes | null, lexemesOf: LexemesOf): string | null {
  const [, name = '', number = ''] = /^(\p{L}{2,})(\p{N}[\p{L}\p{N}]{0,5})$/u.exec(word) ?? [];
  if (name === '' || isStopWord(name)) return null;
  const lexemes = lexemesOf(name);
  for (const lexeme of [...lexemes, number]) notes?.wanted.add(lexeme);
  return `(${lexemes.map(quote).join(' | ')}) <1> ${quote(number)}`;
}

const quote = (lexeme: string) => `'${lexeme.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

import { takeApart } from './compound.ts';
import { MAX_WORD_CHARACTERS } from './fold.ts';
import { lexemesInAnyLanguage } from './stems.ts';

/** What a query looks for, as `parseQuery` says it. */
export interface Wanted {
  wanted: ReadonlySet<string>;
  prefixes: ReadonlySet<string>;
  literals: readonly RegExp[];
}

export interface Matcher {
  /** Tells by which lexeme the token of a text from `start` to before `end` matches a query, null when it does not. */
  match(text: string, start: number, end: number, isPair: boolean): string | null;
  /** What else matches, by each of these alone. */
  literals: readonly RegExp[];
}

/**
 * So many characters a stem has in common with its word: all but its last two, of which four are enough to be looked at.
 * Two in any case, for shorter stems are hardly ever changed.
 */
const MIN_BEGINNING = 2;
const MAX_BEGINNING = 4;
const CHANGED_CHARACTERS = 2;
const simple = /^[a-z0-9]+$/;
/** No character of a script without spaces is folded to one of these. */
const ascii = /^[\x20-\x7e]*$/;
/** `v2`, of which `2` is a part. */
const version = /^[vV]\d/;

/**
 * Keeps what it has found out about a token: the texts of a page of hits have many in common, and to cut a word in all
 * languages is what a snippet costs.
 */
export function createMatcher(query: Wanted): Matcher {
  const beginnings = beginningsOf([...query.wanted, ...query.prefixes]);
  const mayMatch = createGlance(beginnings);
  const mayMatchPairs = [...beginnings].some((beginning) => !ascii.test(beginning));
  const known = new Map<string, string | null>();
  const match: Matcher['match'] = (text, start, end, isPair) => {
    if (isPair ? !mayMatchPairs : !mayMatch(text, start, end)) return null;
    const raw = text.slice(start, Math.min(end, start + MAX_WORD_CHARACTERS));
    let key = known.get(raw);
    if (key === undefined) {
      key = isPair ? matchOfPair(raw, query) : matchOfWord(raw, query, beginnings);
      known.set(raw, key);
    }
    return key;
  };
  return { match, literals: query.literals };
}

/** A stem begins as its word does, but that `die` is the stem of `dying`. */
function beginningsOf(lexemes: string[]): Set<string> {
  const beginnings = lexemes.map((lexeme) => {
    const { length } = lexeme.replace('~', '');
    return lexeme.slice(0, Math.min(MAX_BEGINNING, Math.max(MIN_BEGINNING, length - CHANGED_CHARACTERS)));
  });
  return new Set([...beginnings, ...beginnings.map((beginning) => beginning.replace('i', 'y'))]);
}

/**
 * Whether more than a glance at a token is needed: it begins as something wanted does, or is more than a word of plain
 * letters. Of nearly all tokens this is all that is done, without a string made of them.
 */
function createGlance(
  beginnings: ReadonlySet<string>,
): (text: string, start: number, end: number) => boolean {
  const pairs = new Uint8Array(0x80 * 0x80);
  for (const beginning of beginnings) {
    const [first, second] = [beginning.charCodeAt(0), beginning.charCodeAt(1)];
    if (first < 0x80 && second < 0x80) pairs[first * 0x80 + second] = 1;
  }
  return (text, start, end) => {
    // One letter may be a lexeme, too, and so is the number of a version.
    if (end - start < MIN_BEGINNING) return true;
    const second = text.charCodeAt(start + 1);
    if ((text.charCodeAt(start) | CASE) === LETTER_V && second >= DIGIT_0 && second <= DIGIT_9) return true;
    for (let at = start; at < end; at += 1) {
      const unit = text.charCodeAt(at);
      if (unit >= 0x80 || unit === UNDERSCORE || (at > start && unit >= CAPITAL_A && unit <= CAPITAL_Z))
        return true;
    }
    return pairs[(text.charCodeAt(start) | CASE) * 0x80 + (text.charCodeAt(start + 1) | CASE)] === 1;
  };
}

const UNDERSCORE = 0x5f;
const LETTER_V = 0x76;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const CAPITAL_A = 0x41;
const CAPITAL_Z = 0x5a;
/** The bit that makes a capital small, and that digits have. */
const CASE = 0x20;

function mayBegin(word: string, beginnings: ReadonlySet<string>): boolean {
  for (let length = MIN_BEGINNING; length <= MAX_BEGINNING; length += 1) {
    if (beginnings.has(word.slice(0, length))) return true;
  }
  return false;
}

function matchOfPair(raw: string, { wanted, prefixes }: Wanted): string | null {
  const { word } = takeApart(raw);
  const [first = ''] = word;
  if (wanted.has(word)) return word;
  return prefixes.has(first) ? first : null;
}

function matchOfWord(raw: string, { wanted }: Wanted, beginnings: ReadonlySet<string>): string | null {
  if (simple.test(raw) && !mayBegin(raw, beginnings) && !version.test(raw)) return null;
  const { word, parts } = takeApart(raw);
  for (const candidate of [word, ...parts]) {
    if (!mayBegin(candidate, beginnings)) continue;
    const key = lexemesInAnyLanguage(candidate).find((lexeme) => wanted.has(lexeme));
    // One key for a word, in whatever language it was recognised.
    if (key !== undefined) return key.replace('~', '');
  }
  return null;
}

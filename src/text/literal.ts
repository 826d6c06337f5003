import { composePaired } from './characters.ts';

/** What stands in a text as it was typed: small words and signs, of which the index knows nothing. */
export interface Literal {
  /** A regular expression of PostgreSQL. */
  sql: string;
  /** The same, for where it stands. */
  pattern: RegExp;
}

/** A mark that stands alone is a sign: as a word it would stand between words as well, and each be tried in every place. */
const pieces = /[\p{L}\p{N}_][\p{L}\p{M}\p{N}_]*|[^\s\p{L}\p{N}_]/gu;
const word = /^[\p{L}\p{N}_]/u;
/** `IT` and `WHO`, which are names only when they are written so. */
const abbreviation = /^\p{Lu}{2,}$/u;
/** What words are made of, of which PostgreSQL may know the plain letters alone: small words have no others. */
const inWord = { sql: '[:alnum:]_', js: '\\p{L}\\p{N}_' };

/**
 * Words stand as whole ones, with a few signs or blanks between them, and signs with blanks or without; whatever the case, but
 * for a single word in capitals. Unless it is quoted, words with a hyphen between them may also be written without it (`todo`).
 * Null for nothing but blanks.
 */
export function literalOf(text: string, { isQuoted }: { isQuoted: boolean }): Literal | null {
  const found = composePaired(text.toWellFormed()).match(pieces) ?? [];
  if (found.length === 0) return null;
  const isExact = found.length === 1 && abbreviation.test(found[0] ?? '');
  return {
    sql: `${isExact ? '' : '(?i)'}${write(found, inWord.sql, isQuoted)}`,
    pattern: new RegExp(write(found, inWord.js, isQuoted), isExact ? 'gu' : 'giu'),
  };
}

function write(found: string[], letters: string, isQuoted: boolean): string {
  let written = '';
  let follows: 'nothing' | 'a word' | 'a sign' = 'nothing';
  for (const [index, piece] of found.entries()) {
    const isWord = word.test(piece);
    if (!isQuoted && piece === '-' && follows === 'a word' && word.test(found[index + 1] ?? '')) {
      written += '(?:\\s*-)?';
      follows = 'a sign';
      continue;
    }
    if (follows === 'nothing') written += isWord ? `(?<![${letters}])` : '';
    else written += isWord && follows === 'a word' ? `[^${letters}]{1,4}` : '\\s*';
    written += /^['’]$/.test(piece) ? "['’]" : piece.replaceAll(/[\0-\x7f]/g, escapeSign);
    follows = isWord ? 'a word' : 'a sign';
  }
  return follows === 'a word' ? `${written}(?![${letters}])` : written;
}

/** Both read the number of a sign, and none of them as an operator. */
const escapeSign = (sign: string) =>
  /\w/.test(sign) ? sign : `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;

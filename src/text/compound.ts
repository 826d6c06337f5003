import { foldWord } from './fold.ts';
import { isStopWord } from './stop-words.ts';

/** Longer names with capitals in them are mostly Base64. */
const MAX_COMPOUND_CHARACTERS = 64;
/** Stop words, which are not indexed, do not count. A token has at most one lexeme more (lexicon.ts). */
export const MAX_PARTS = 10;
const simple = /^[a-z0-9]+$/;
const version = /^v([0-9]{1,8})$/i;
const ascii = /^[\x20-\x7e]*$/;
const asciiCompound = /[^_]_+[^_]|[a-z][A-Z]|[A-Z]{2}[a-z]{2}|[0-9][A-Z][a-z]/;
const compound = /[^_]_+[^_]|\p{Ll}\p{Lu}|\p{Lu}{2}\p{Ll}{2}|\p{N}\p{Lu}\p{Ll}/u;
const words = /\p{Lu}{2,}\p{Ll}\p{N}+(?!\p{Ll})|\p{Lu}+(?!\p{Ll})|\p{Lu}?[^\p{Lu}_]+|\p{Lu}/gu;

/**
 * A token as a folded word and, for a compound such as `fooBarBaz` or `snake_case`, its folded parts. The word of a
 * compound is written in one (`foobarbaz`), so that each way of writing it finds the others. The number of a version (`v2`)
 * is a part of it.
 */
export function takeApart(raw: string): { word: string; parts: string[] } {
  const [, number] = version.exec(raw) ?? [];
  if (number !== undefined) return { word: raw.toLowerCase(), parts: [number] };
  if (simple.test(raw)) return { word: raw, parts: [] };
  const word = foldWord(raw.replaceAll('_', ''));
  if (raw.length > MAX_COMPOUND_CHARACTERS || !(ascii.test(raw) ? asciiCompound : compound).test(raw))
    return { word, parts: [] };
  const parts = (raw.match(words) ?? []).map(foldWord).filter((part) => part !== '');
  let left = MAX_PARTS;
  return { word, parts: parts.filter((part) => isStopWord(part) || left-- > 0) };
}

import { foldWord } from './fold.ts';

/** Longer names with capitals in them are mostly Base64. */
const MAX_COMPOUND_CHARACTERS = 64;
const MAX_PARTS = 8;
const simple = /^[a-z0-9]+$/;
const ascii = /^[\x20-\x7e]*$/;
const asciiCompound = /[^_]_+[^_]|[a-z][A-Z]|[A-Z]{2}[a-z]{2}/;
const compound = /[^_]_+[^_]|\p{Ll}\p{Lu}|\p{Lu}{2}\p{Ll}{2}/u;
const words = /\p{Lu}+(?!\p{Ll})|\p{Lu}?[^\p{Lu}_]+|\p{Lu}/gu;

/**
 * A token as a folded word and, for a compound such as `fooBarBaz` or `snake_case`, its folded parts. The word of a
 * compound is written in one (`foobarbaz`), so that each way of writing it finds the others.
 */
export function takeApart(raw: string): { word: string; parts: string[] } {
  if (simple.test(raw)) return { word: raw, parts: [] };
  const word = foldWord(raw.replaceAll('_', ''));
  if (raw.length > MAX_COMPOUND_CHARACTERS || !(ascii.test(raw) ? asciiCompound : compound).test(raw))
    return { word, parts: [] };
  const parts = (raw.match(words) ?? []).map(foldWord).filter((part) => part !== '');
  return { word, parts: parts.slice(0, MAX_PARTS) };
}

/** Longer words are known by their beginning: nobody types more, and a lexeme of PostgreSQL ends at 2046 bytes. */
export const MAX_WORD_CHARACTERS = 128;

/** Letters that Unicode does not take apart into a plain one and an accent. */
const plainLetters: Record<string, string> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ł: 'l',
  ħ: 'h',
  ı: 'i',
  ŋ: 'n',
};

const accents =
  /[\u0300-\u036f\u00ad\u0591-\u05bd\u05bf-\u05c7\u0640\u064b-\u065f\u0670\u200c-\u200f\u2060]/g;
const cyrillicStress = /[\u0300\u0301\u00ad\u200c-\u200f\u2060]/g;

/**
 * A word in the form in which it is compared: lower case, without accents, vowel points and compatibility forms. Cyrillic
 * keeps й apart from и, which is another letter, and reads ё as е.
 */
export function foldWord(word: string): string {
  const lower = word.slice(0, MAX_WORD_CHARACTERS).toLowerCase();
  if (/^[\x20-\x7e]*$/.test(lower)) return lower;
  const folded = /[\u0400-\u052f]/.test(lower)
    ? lower.normalize('NFKC').replaceAll('ё', 'е').replace(cyrillicStress, '')
    : lower
        .normalize('NFKD')
        .replace(accents, '')
        .replace(/[ßæœøđðþłħıŋ]/g, (letter) => plainLetters[letter] ?? letter)
        .normalize('NFC');
  return folded.toLowerCase().slice(0, MAX_WORD_CHARACTERS).toWellFormed();
}

/** What a UTF-16 code unit is to the tokenizer. */
export const SEPARATOR = 0;
/** A letter or digit of a script that sets words apart by spaces, or the underscore. */
export const WORD = 1;
/** Belongs to the word before it and begins none: combining marks, soft hyphens, joiners. */
export const MARK = 2;
/** A character of a script without spaces between words, which is indexed in pairs. */
export const PAIRED = 3;
/** Half of a pair of surrogates, whose meaning the whole code point has. */
export const SURROGATE = 4;

const paired =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\p{Script=Tibetan}ーｰ]/u;
const word = /[\p{L}\p{N}_]/u;
const mark = /[\p{M}\u00ad\u200c-\u200f\u2060]/u;

let table: Uint8Array | undefined;

/** The class of every code unit; made at the first call, in about 20 ms, and kept. */
export function characterClasses(): Uint8Array {
  table ??= Uint8Array.from({ length: 0x1_00_00 }, (_, unit) =>
    unit >= 0xd800 && unit <= 0xdfff ? SURROGATE : classify(String.fromCharCode(unit)),
  );
  return table;
}

/** The class of the code point whose high surrogate stands at `at` of so many units; a lone surrogate separates. */
export function classOfPair(units: Uint16Array, length: number, at: number): number {
  if (at + 1 >= length) return SEPARATOR;
  const point = String.fromCharCode(units[at] ?? 0, units[at + 1] ?? 0).codePointAt(0) ?? 0;
  return point > 0xff_ff ? classify(String.fromCodePoint(point)) : SEPARATOR;
}

function classify(character: string): number {
  if (paired.test(character) && !/\p{P}|\p{S}/u.test(character)) return PAIRED;
  if (word.test(character)) return WORD;
  return mark.test(character) ? MARK : SEPARATOR;
}

const inPieces = /[\u1100-\u11ff\u3099\u309a\uff65-\uffdc\uf900-\ufaff]/;
const runInPieces = /[\u3041-\u30ff\u1100-\u11ff\uff65-\uffdc\uf900-\ufaff]+/g;

/** Kana of half width, voicing marks and Hangul in pieces in the form that is commonly typed. */
export function composePaired(text: string): string {
  return inPieces.test(text) ? text.replace(runInPieces, (run) => run.normalize('NFKC')) : text;
}

/** Where a place in what `composePaired` makes of a text lies in the text itself: behind all that became one character. */
export function placeInPieces(text: string, place: number): number {
  let added = 0;
  for (const { 0: run, index } of text.matchAll(runInPieces)) {
    const before = place - (index - added);
    if (before <= 0) break;
    const composed = run.normalize('NFKC').length;
    if (before < composed) return index + longestMakingUpTo(before, run);
    added += run.length - composed;
  }
  return place + added;
}

/** How much of the beginning of a run makes no more than so many characters; more of it never makes fewer. */
function longestMakingUpTo(characters: number, run: string): number {
  let [fits, exceeds] = [0, run.length];
  while (fits + 1 < exceeds) {
    const middle = (fits + exceeds) >> 1;
    if (run.slice(0, middle).normalize('NFKC').length <= characters) fits = middle;
    else exceeds = middle;
  }
  return fits;
}

import { takeApart } from './compound.ts';
import { type Language, lexemeOf } from './stems.ts';
import { isStopWord, votesOf } from './stop-words.ts';

/** One number stands for each distinct token, another for each distinct lexeme, until `trim` forgets them all. */
export interface Lexicon {
  /** The token that stands in a text from `start` to before `end`. */
  lookUp(text: string, start: number, end: number): number;
  /** In which languages a token is one of the commonest words, as bits. */
  votes(token: number): number;
  /**
   * The lexemes of a token in a text of a language, each once: a lexeme's number, or `NONE` for a stop word, or less for
   * a compound, whose lexemes `several` then lists.
   */
  lexemes(token: number, language: Language): number;
  several(lexemes: number): readonly number[];
  /** The UTF-8 bytes of lexeme `i` stand in `pool` from `offsets[i]` to before `offsets[i + 1]`. */
  pool(): Uint8Array;
  offsets: Uint32Array;
  lexemeText(lexeme: number): string;
  /** Makes room when it is nearly full. A piece of `MAX_NEW_TOKENS` tokens then always finds room. */
  trim(): void;
}

export const NONE = -1;
export const MAX_NEW_TOKENS = 16_384;
export const MAX_LEXEMES = 1 << 19;

const MAX_TOKENS = 1 << 18;
const TRIM_TOKENS = MAX_TOKENS - MAX_NEW_TOKENS;
/** A token has at most so many lexemes (compound.ts). */
const TRIM_LEXEMES = MAX_LEXEMES - MAX_NEW_TOKENS * 9 - 1;
const TRIM_KEY_UNITS = 4_000_000;
const SLOTS = 1 << 19;
const UNKNOWN = -0x4000_0000;

const utf8 = new TextEncoder();

/**
 * Cuts each distinct word only once. Numbers in typed arrays and not objects, because what this costs are the caches of
 * the processor: about 20 MB when full.
 */
export function createLexicon(): Lexicon {
  const slots = new Int32Array(SLOTS);
  const hashes = new Int32Array(MAX_TOKENS);
  const keyOffsets = new Uint32Array(MAX_TOKENS + 1);
  const votes = new Uint16Array(MAX_TOKENS);
  let keys = new Uint16Array(1 << 16);
  let tokens = 0;

  const lexemeNumbers = new Map<string, number>();
  const lexemeTexts: string[] = [];
  const offsets = new Uint32Array(MAX_LEXEMES + 1);
  let pool = new Uint8Array(1 << 16);

  const byLanguage = new Map<Language, Int32Array<ArrayBuffer>>();
  let lists: number[][] = [];
  let english = new Int32Array(0);

  const open = (language: Language): Int32Array<ArrayBuffer> => {
    const opened = byLanguage.get(language) ?? new Int32Array(MAX_TOKENS).fill(UNKNOWN);
    byLanguage.set(language, opened);
    return opened;
  };

  const rawOf = (token: number): string =>
    Buffer.from(keys.buffer).toString(
      'utf16le',
      2 * (keyOffsets[token] ?? 0),
      2 * (keyOffsets[token + 1] ?? 0),
    );

  const intern = (text: string): number => {
    const known = lexemeNumbers.get(text);
    if (known !== undefined) return known;
    const made = lexemeTexts.length;
    const offset = offsets[made] ?? 0;
    while (offset + text.length * 3 > pool.length) pool = grown(pool, new Uint8Array(pool.length * 2));
    offsets[made + 1] = offset + utf8.encodeInto(text, pool.subarray(offset)).written;
    lexemeTexts.push(text);
    lexemeNumbers.set(text, made);
    return made;
  };

  const cut = (token: number, language: Language): number => {
    const { word, parts } = takeApart(rawOf(token));
    if (parts.length === 0) return isStopWord(word) || word === '' ? NONE : intern(lexemeOf(word, language));
    const texts = [word, ...parts.filter((part) => !isStopWord(part))];
    const list = [...new Set(texts.map((text) => intern(lexemeOf(text, language))))];
    return list.length === 1 ? (list[0] ?? NONE) : -1 - lists.push(list);
  };

  const add = (text: string, start: number, end: number, hash: number, slot: number): number => {
    const token = tokens++;
    const offset = keyOffsets[token] ?? 0;
    while (offset + end - start > keys.length) keys = grown(keys, new Uint16Array(keys.length * 2));
    for (let i = start; i < end; i++) keys[offset + i - start] = text.charCodeAt(i);
    keyOffsets[token + 1] = offset + end - start;
    hashes[token] = hash;
    votes[token] = votesOf(takeApart(rawOf(token)).word);
    slots[slot] = token + 1;
    return token;
  };

  const isAt = (token: number, text: string, start: number, end: number): boolean => {
    const offset = keyOffsets[token] ?? 0;
    if ((keyOffsets[token + 1] ?? 0) - offset !== end - start) return false;
    for (let i = start; i < end; i++) if (keys[offset + i - start] !== text.charCodeAt(i)) return false;
    return true;
  };

  return {
    offsets,
    pool: () => pool,
    lexemeText: (lexeme) => lexemeTexts[lexeme] ?? '',
    votes: (token) => votes[token] ?? 0,
    several: (lexemes) => lists[-2 - lexemes] ?? [],
    lookUp(text, start, end) {
      // FNV-1a over code units.
      let hash = 0x811c9dc5;
      for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
      let slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
      for (;;) {
        const token = (slots[slot] ?? 0) - 1;
        if (token < 0) return add(text, start, end, hash, slot);
        if (hashes[token] === hash && isAt(token, text, start, end)) return token;
        slot = (slot + 1) & (SLOTS - 1);
      }
    },
    lexemes(token, language) {
      if (english.length === 0) english = open('en');
      const cuts = language === 'en' ? english : open(language);
      const known = cuts[token] ?? NONE;
      if (known !== UNKNOWN) return known;
      const made = cut(token, language);
      cuts[token] = made;
      return made;
    },
    trim() {
      const keyUnits = keyOffsets[tokens] ?? 0;
      if (tokens < TRIM_TOKENS && lexemeTexts.length < TRIM_LEXEMES && keyUnits < TRIM_KEY_UNITS) return;
      slots.fill(0);
      for (const cuts of byLanguage.values()) cuts.fill(UNKNOWN);
      tokens = 0;
      lexemeTexts.length = 0;
      lexemeNumbers.clear();
      lists = [];
    },
  };
}

function grown<T extends Uint8Array | Uint16Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

import { MAX_PARTS, takeApart } from './compound.ts';
import { type Language, lexemeOf } from './stems.ts';
import { isStopWord, votesOf } from './stop-words.ts';
import { createTokenTable } from './token-table.ts';

/** One number stands for each distinct token, another for each distinct lexeme, until `trim` forgets them all. */
export interface Lexicon {
  /** The token that stands in a text's code units from `start` to before `end`. */
  lookUp(units: Uint16Array, start: number, end: number): number;
  /** In which languages a token is one of the commonest words, as bits. */
  votes(token: number): number;
  /**
   * What answers the lexemes of a token in texts of a language, each once: a lexeme's number, or `NONE` for a stop word, or
   * less for a compound, whose lexemes `several` then lists.
   */
  lexemes(language: Language): (token: number) => number;
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

const MAX_TOKENS = 1 << 17;
const TRIM_TOKENS = MAX_TOKENS - MAX_NEW_TOKENS;
/** A token has its word and so many parts, in English and in the language of its text. */
const TRIM_LEXEMES = MAX_LEXEMES - MAX_NEW_TOKENS * 2 * (MAX_PARTS + 1) - 1;
const TRIM_KEY_UNITS = 4_000_000;
const UNKNOWN = -0x4000_0000;

const utf8 = new TextEncoder();

/**
 * Cuts each distinct word only once. Numbers in typed arrays and not objects, because what this costs are the caches of
 * the processor: about 12 MB when full.
 */
export function createLexicon(): Lexicon {
  const table = createTokenTable(MAX_TOKENS);
  const votes = new Uint16Array(MAX_TOKENS);
  let tokens = 0;

  const lexemeNumbers = new Map<string, number>();
  const lexemeTexts: string[] = [];
  const offsets = new Uint32Array(MAX_LEXEMES + 1);
  let pool = new Uint8Array(1 << 16);

  const english = new Int32Array(MAX_TOKENS);
  const byLanguage = new Map<Language, Int32Array<ArrayBuffer>>([['en', english]]);
  let lists: number[][] = [];

  const open = (language: Language): Int32Array<ArrayBuffer> => {
    const opened = byLanguage.get(language) ?? new Int32Array(MAX_TOKENS).fill(UNKNOWN);
    byLanguage.set(language, opened);
    return opened;
  };

  const intern = (text: string): number => {
    const known = lexemeNumbers.get(text);
    if (known !== undefined) return known;
    const made = lexemeTexts.length;
    const offset = offsets[made] ?? 0;
    while (offset + text.length * 3 > pool.length) pool = grown(pool, new Uint8Array(pool.length * 2));
    offsets[made + 1] = offset + writeUtf8(text, pool, offset);
    lexemeTexts.push(text);
    lexemeNumbers.set(text, made);
    return made;
  };

  const cut = ({ word, parts }: ReturnType<typeof takeApart>, language: Language): number => {
    if (parts.length === 0) return isStopWord(word) || word === '' ? NONE : intern(lexemeOf(word, language));
    const texts = [word, ...parts.filter((part) => !isStopWord(part))];
    const list = [...new Set(texts.map((text) => intern(lexemeOf(text, language))))];
    return list.length === 1 ? (list[0] ?? NONE) : -1 - lists.push(list);
  };

  return {
    offsets,
    pool: () => pool,
    lexemeText: (lexeme) => lexemeTexts[lexeme] ?? '',
    votes: (token) => votes[token] ?? 0,
    several: (lexemes) => lists[-2 - lexemes] ?? [],
    lookUp(units, start, end) {
      const token = table.numberOf(units, start, end);
      if (token === tokens) {
        tokens += 1;
        const apart = takeApart(table.textOf(token));
        votes[token] = votesOf(apart.word);
        // Most texts are English, and whatever language others are in is not known yet.
        english[token] = cut(apart, 'en');
      }
      return token;
    },
    lexemes(language) {
      const cuts = open(language);
      return cuts === english
        ? (token) => english[token] ?? NONE
        : (token) => {
            const known = cuts[token] ?? NONE;
            if (known !== UNKNOWN) return known;
            const made = cut(takeApart(table.textOf(token)), language);
            cuts[token] = made;
            return made;
          };
    },
    trim() {
      const isRoomy = tokens < TRIM_TOKENS && table.keyUnits() < TRIM_KEY_UNITS;
      if (isRoomy && lexemeTexts.length < TRIM_LEXEMES) return;
      table.clear();
      for (const cuts of byLanguage.values()) cuts.fill(UNKNOWN);
      tokens = 0;
      lexemeTexts.length = 0;
      lexemeNumbers.clear();
      lists = [];
    },
  };
}

function grown(from: Uint8Array, to: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  to.set(from);
  return to;
}

/** Answers how many bytes that took. */
function writeUtf8(text: string, pool: Uint8Array, offset: number): number {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return utf8.encodeInto(text, pool.subarray(offset)).written;
    pool[offset + i] = unit;
  }
  return text.length;
}

import { foldWord, MAX_WORD_CHARACTERS } from './fold.ts';
import { isLatinWord, type Language, lexemeOf } from './stems.ts';
import { isStopWord, votesOf } from './stop-words.ts';

/** What the index holds: UTF-8 without NUL. Each is one object as long as the lexicon lives, so that texts can count on it. */
export interface Lexeme {
  text: string;
  bytes: Uint8Array;
  /** For whoever counts lexemes: the piece in which it last stood, and its first and last entry there. */
  piece: number;
  first: number;
  last: number;
  positions: number;
}

/** A token as it stands in a text, and what becomes of it. */
export interface Token {
  /** In which languages it is one of the commonest words, as bits. */
  votes: number;
  /** Its lexemes in a text of that language, each once: none for a stop word, several for a compound. */
  lexemes(language: Language): readonly Lexeme[];
}

export interface Lexicon {
  token(raw: string, isPair: boolean): Token;
  /** Makes room when it holds too much: all tokens and lexemes got so far are then of another lexicon. */
  trim(): void;
}

/** About 30 MB at most. */
const MAX_TOKENS = 100_000;
const nothing: readonly Lexeme[] = [];

/** Looks words up, and cuts each distinct one only once. */
export function createLexicon(): Lexicon {
  const tokens = new Map<string, Token>();
  const lexemes = new Map<string, Lexeme>();

  const intern = (text: string): Lexeme => {
    const known = lexemes.get(text);
    if (known) return known;
    const bytes = Buffer.from(text, 'utf8');
    const made = { text, bytes, piece: -1, first: 0, last: 0, positions: 0 };
    lexemes.set(text, made);
    return made;
  };

  const cut = (raw: string, isPair: boolean): Token => {
    if (isPair) return fixed([intern(raw)]);
    const { folded, parts, isLatin } = takeApart(raw);
    const texts = (language: Language) => [
      ...(parts.length === 0 && isStopWord(folded) ? [] : [lexemeOf(folded, language)]),
      ...parts.filter((part) => !isStopWord(part)).map((part) => lexemeOf(part, language)),
    ];
    const distinct = (language: Language) =>
      [...new Set(texts(language))].filter((text) => text !== '').map(intern);
    return isLatin ? byLanguage(votesOf(folded), distinct) : fixed(distinct('en'));
  };

  return {
    token(raw, isPair) {
      const known = tokens.get(raw);
      if (known) return known;
      // A slice of a text would keep the whole text in memory.
      const own = Buffer.from(raw, 'utf16le').toString('utf16le');
      const made = cut(own, isPair);
      tokens.set(own, made);
      return made;
    },
    trim() {
      if (tokens.size + lexemes.size <= MAX_TOKENS) return;
      tokens.clear();
      lexemes.clear();
    },
  };
}

function fixed(lexemes: readonly Lexeme[]): Token {
  return { votes: 0, lexemes: () => lexemes };
}

function byLanguage(votes: number, cut: (language: Language) => readonly Lexeme[]): Token {
  let english: readonly Lexeme[] | undefined;
  let others: Partial<Record<Language, readonly Lexeme[]>> | undefined;
  return {
    votes,
    lexemes(language) {
      if (language === 'en') {
        english ??= cut('en');
        return english;
      }
      others ??= {};
      others[language] ??= cut(language);
      return others[language] ?? nothing;
    },
  };
}

/** Longer names with capitals in them are mostly Base64. */
const MAX_COMPOUND_CHARACTERS = 64;
const compound = /[^_]_+[^_]|\p{Ll}\p{Lu}|\p{Lu}{2}\p{Ll}{2}/u;
const words = /\p{Lu}+(?!\p{Ll})|\p{Lu}?[^\p{Lu}_]+|\p{Lu}/gu;

/**
 * A token as a folded word and, for a compound such as `fooBarBaz` or `snake_case`, its folded parts. The word of a
 * compound is written in one (`foobarbaz`), so that each way of writing it finds the others.
 */
export function takeApart(raw: string): { folded: string; parts: string[]; isLatin: boolean } {
  const folded = foldWord(raw.slice(0, MAX_WORD_CHARACTERS).replaceAll('_', ''));
  const isCompound = raw.length <= MAX_COMPOUND_CHARACTERS && compound.test(raw);
  const parts = isCompound ? (raw.match(words) ?? []).map(foldWord).filter((part) => part !== '') : [];
  return { folded, parts, isLatin: isLatinWord(folded) || parts.some(isLatinWord) };
}

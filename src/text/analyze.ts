/**
 * Text in, what PostgreSQL's full-text index holds out. In JavaScript, because `to_tsvector` keeps the database's cores
 * busy and knows neither CJK nor code; pure, so that it runs in worker threads.
 */
import { composePaired } from './characters.ts';
import { MAX_WORD_CHARACTERS } from './fold.ts';
import { createVote, VOTERS } from './language.ts';
import { createLexicon, type Token } from './lexicon.ts';
import type { Language } from './stems.ts';
import { scanTokens } from './tokens.ts';
import { createVectorWriter } from './vector.ts';

/** Positions of PostgreSQL end at 16383. */
const PIECE_TOKENS = 16_000;
/** So that a phrase on a seam is whole in one of the pieces. */
const OVERLAP_TOKENS = 64;

const lexicon = createLexicon();
const writer = createVectorWriter();

/**
 * The lexemes of a text with their positions, as tsvectors in PostgreSQL's binary format, ready for a field of a binary
 * COPY. A long text gives several overlapping ones, a text without a word none. At most about 0.3 microseconds a token;
 * the memory is that of one piece and of the answer.
 */
export function analyze(text: string): Buffer[] {
  const composed = composePaired(text);
  const pieces: Buffer[] = [];
  let language: Language | null = null;
  let from = 0;
  for (;;) {
    lexicon.trim();
    const { tokens, starts, more } = readPiece(composed, from);
    language ??= languageOf(tokens);
    const written = writer.write(tokens, language);
    if (written.vector) pieces.push(written.vector);
    if (!more && written.tokens === tokens.length) return pieces;
    from = starts[Math.max(written.tokens - OVERLAP_TOKENS, 1)] ?? text.length;
  }
}

interface PieceTokens {
  tokens: Token[];
  starts: number[];
  /** Whether the text goes on. */
  more: boolean;
}

function readPiece(text: string, from: number): PieceTokens {
  const tokens: Token[] = [];
  const starts: number[] = [];
  let more = false;
  scanTokens(text, from, (start, end, isPair) => {
    if (tokens.length === PIECE_TOKENS) {
      more = true;
      return false;
    }
    tokens.push(lexicon.token(text.slice(start, Math.min(end, start + MAX_WORD_CHARACTERS)), isPair));
    starts.push(start);
    return true;
  });
  return { tokens, starts, more };
}

/** Of the first words of a text. */
function languageOf(tokens: Token[]): Language {
  const vote = createVote();
  for (const token of tokens.slice(0, VOTERS)) vote.count(token.votes);
  return vote.language();
}

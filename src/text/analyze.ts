/**
 * Text in, what PostgreSQL's full-text index holds out. In JavaScript, because `to_tsvector` keeps the database's cores
 * busy and knows neither CJK nor code; pure, so that it runs in worker threads.
 */
import { composePaired } from './characters.ts';
import { MAX_WORD_CHARACTERS } from './fold.ts';
import { createVote, VOTERS } from './language.ts';
import { createLexicon, type Lexicon } from './lexicon.ts';
import type { Language } from './stems.ts';
import { scanUnits, unitsOf } from './tokens.ts';
import { createVectorWriter } from './vector.ts';

/** Positions of PostgreSQL end at 16383. */
const PIECE_TOKENS = 16_000;
/** So that a phrase on a seam is whole in one of the pieces. */
const OVERLAP_TOKENS = 64;
/** Longer texts get an array of their own. */
const USUAL_UNITS = 64 * 1024;

let shared: ReturnType<typeof createAnalyzer> | undefined;

/**
 * The lexemes of a text with their positions, as tsvectors in PostgreSQL's binary format, ready for a field of a binary
 * COPY. A long text gives several overlapping ones, and so does one with a word that stands
 * more often in it than a tsvector keeps positions; a text without a word none. About 0.2 microseconds a token; the
 * words of all texts are kept, up to some 12 MB for each thread.
 */
export function analyze(text: string): Buffer[] {
  shared ??= createAnalyzer();
  return shared(text);
}

function createAnalyzer(): (text: string) => Buffer[] {
  const lexicon = createLexicon();
  const writer = createVectorWriter(lexicon);
  const tokens = new Int32Array(PIECE_TOKENS);
  const starts = new Uint32Array(PIECE_TOKENS);
  const room = new Uint16Array(USUAL_UNITS);

  const readPiece = (units: Uint16Array, length: number, from: number): { count: number; more: boolean } => {
    let count = 0;
    let more = false;
    scanUnits(units, length, from, (start, end) => {
      if (count === PIECE_TOKENS) {
        more = true;
        return false;
      }
      tokens[count] = lexicon.lookUp(units, start, Math.min(end, start + MAX_WORD_CHARACTERS));
      starts[count] = start;
      count += 1;
      return true;
    });
    return { count, more };
  };

  return (given) => {
    const text = composePaired(given);
    const units = unitsOf(text, room);
    const vectors: Buffer[] = [];
    const write = (range: { from: number; to: number; isPart: boolean }, language: Language) => {
      const { vector, ...ends } = writer.write(tokens, range, language);
      if (vector) vectors.push(vector);
      return ends;
    };
    let language: Language | null = null;
    let from = 0;
    for (;;) {
      lexicon.trim();
      const { count, more } = readPiece(units, text.length, from);
      language ??= languageOf(lexicon, tokens, count);
      const { to, full } = write({ from: 0, to: count, isPart: false }, language);
      // Phrases with words for whose positions there was no room are found in parts that repeat the rest of the piece.
      for (let at = full; at < to; ) {
        at = write({ from: Math.max(at - OVERLAP_TOKENS, 0), to, isPart: true }, language).to;
      }
      if (!more && to === count) return vectors;
      from = starts[Math.max(to - OVERLAP_TOKENS, 1)] ?? text.length;
    }
  };
}

/** Of the first words of a text. */
function languageOf(lexicon: Lexicon, tokens: Int32Array, count: number): Language {
  const vote = createVote();
  for (let i = 0; i < Math.min(count, VOTERS); i++) vote.count(lexicon.votes(tokens[i] ?? 0));
  return vote.language();
}

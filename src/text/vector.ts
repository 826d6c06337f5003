import { type Lexicon, MAX_LEXEMES, NONE } from './lexicon.ts';
import type { Language } from './stems.ts';

/** PostgreSQL keeps no more positions of a lexeme in one tsvector. */
const MAX_POSITIONS = 255;
/** A tsvector holds 1 MiB of lexemes and positions; each lexeme and its positions are aligned there. */
const MAX_VECTOR_BYTES = 1_000_000;

/** What ends before all tokens have found room still holds so many, so that one word over and over makes few pieces. */
const MIN_TOKENS = 500;

export interface VectorWriter {
  /**
   * One tsvector as PostgreSQL receives it (tsvectorrecv: int32 count; for each lexeme its bytes, NUL, uint16 count, and
   * uint16 positions in ascending order; the server sorts the lexemes), the token at index `from` at position 1. `to` says
   * before which of the tokens there was no more room; the vector is null when none of them has a lexeme. Where a lexeme
   * has all of its positions, the vector ends when it `isPart`, else goes on without them, from the token `full` on.
   */
  write(
    tokens: Int32Array,
    range: { from: number; to: number; isPart: boolean },
    language: Language,
  ): { vector: Buffer | null; to: number; full: number };
}

/** What is known of a lexeme in this piece, in one line of the processor's cache. */
const FIELDS = 4;
const PIECE = 0;
const FIRST = 1;
const LAST = 2;
const POSITIONS = 3;

/** Reuses its buffers. */
export function createVectorWriter(lexicon: Lexicon): VectorWriter {
  const notes = new Int32Array(MAX_LEXEMES * FIELDS);
  const found: number[] = [];
  let places = new Uint16Array(1 << 15);
  let next = new Int32Array(1 << 15);
  let placed = 0;
  let bytes = 0;
  let piece = 0;
  let isFull = false;

  /** Notes that a lexeme stands at a position, if there is room: the places of one lexeme are a chain. */
  const note = (lexeme: number, position: number) => {
    const at = lexeme * FIELDS;
    if (notes[at + PIECE] !== piece) {
      notes[at + PIECE] = piece;
      notes[at + POSITIONS] = 0;
      notes[at + FIRST] = placed;
      found.push(lexeme);
      bytes += (lexicon.offsets[lexeme + 1] ?? 0) - (lexicon.offsets[lexeme] ?? 0) + 5;
    } else {
      if (notes[at + POSITIONS] === MAX_POSITIONS) {
        isFull = true;
        return;
      }
      next[notes[at + LAST] ?? 0] = placed;
    }
    if (placed === places.length - 1) {
      places = grown(places, new Uint16Array(places.length * 2));
      next = grown(next, new Int32Array(next.length * 2));
    }
    places[placed] = position;
    notes[at + LAST] = placed;
    notes[at + POSITIONS] = (notes[at + POSITIONS] ?? 0) + 1;
    placed += 1;
    bytes += 2;
  };

  const encode = (): Buffer => {
    const vector = Buffer.allocUnsafe(4 + bytes);
    const pool = lexicon.pool();
    const { offsets } = lexicon;
    let at = vector.writeInt32BE(found.length, 0);
    for (const lexeme of found) {
      const end = offsets[lexeme + 1] ?? 0;
      for (let i = offsets[lexeme] ?? 0; i < end; i++) vector[at++] = pool[i] ?? 0;
      const positions = notes[lexeme * FIELDS + POSITIONS] ?? 0;
      vector[at++] = 0;
      vector[at++] = positions >> 8;
      vector[at++] = positions & 0xff;
      let entry = notes[lexeme * FIELDS + FIRST] ?? 0;
      for (let i = 0; i < positions; i++, entry = next[entry] ?? 0) {
        const place = places[entry] ?? 0;
        vector[at++] = place >> 8;
        vector[at++] = place & 0xff;
      }
    }
    return vector.subarray(0, at);
  };

  return {
    write(tokens, { from, to, isPart }, language) {
      piece += 1;
      found.length = 0;
      placed = 0;
      bytes = 0;
      const lexemesOf = lexicon.lexemes(language);
      let full = to;
      let at = from;
      while (at < to && bytes < MAX_VECTOR_BYTES) {
        isFull = false;
        const lexemes = lexemesOf(tokens[at] ?? 0);
        const position = at - from + 1;
        if (lexemes >= 0) note(lexemes, position);
        else if (lexemes < NONE) for (const lexeme of lexicon.several(lexemes)) note(lexeme, position);
        if (isFull && full === to) full = at;
        if (isFull && isPart && position > MIN_TOKENS) break;
        at += 1;
      }
      return { vector: found.length > 0 ? encode() : null, to: at, full };
    },
  };
}

function grown<T extends Uint16Array | Int32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

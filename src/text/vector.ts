import type { Lexeme, Token } from './lexicon.ts';
import type { Language } from './stems.ts';

/** PostgreSQL keeps no more positions of a lexeme in one tsvector. */
const MAX_POSITIONS = 255;
/** A tsvector holds 1 MiB of lexemes and positions; each lexeme and its positions are aligned there. */
const MAX_VECTOR_BYTES = 1_000_000;

export interface VectorWriter {
  /**
   * One tsvector as PostgreSQL receives it (tsvectorrecv: int32 count; for each lexeme its bytes, NUL, uint16 count, and
   * uint16 positions in ascending order; the server sorts the lexemes), token `i` at position `i + 1`. `tokens` says how
   * many found room; the vector is null when none of them has a lexeme.
   */
  write(tokens: readonly Token[], language: Language): { vector: Buffer | null; tokens: number };
}

/** Reuses its buffers. */
export function createVectorWriter(): VectorWriter {
  const lexemes: Lexeme[] = [];
  let places = new Uint16Array(32_768);
  let next = new Int32Array(32_768);
  let placed = 0;
  let bytes = 0;
  let piece = 0;

  /** Notes that a lexeme stands at a position: the entries of one lexeme are a chain. */
  const note = (lexeme: Lexeme, position: number) => {
    if (lexeme.piece !== piece) {
      lexeme.piece = piece;
      lexeme.positions = 0;
      lexemes.push(lexeme);
      bytes += lexeme.bytes.length + 5;
    }
    if (lexeme.positions === MAX_POSITIONS) return;
    if (placed === places.length) {
      places = grow(places, new Uint16Array(placed * 2));
      next = grow(next, new Int32Array(placed * 2));
    }
    places[placed] = position;
    if (lexeme.positions === 0) lexeme.first = placed;
    else next[lexeme.last] = placed;
    lexeme.last = placed;
    lexeme.positions += 1;
    placed += 1;
    bytes += 2;
  };

  const encode = (): Buffer => {
    const vector = Buffer.allocUnsafe(4 + bytes);
    let at = vector.writeInt32BE(lexemes.length, 0);
    for (const lexeme of lexemes) {
      const { bytes: text, positions } = lexeme;
      for (let i = 0; i < text.length; i++) vector[at++] = text[i] ?? 0;
      vector[at++] = 0;
      vector[at++] = positions >> 8;
      vector[at++] = positions & 0xff;
      for (let i = 0, entry = lexeme.first; i < positions; i++, entry = next[entry] ?? 0) {
        const place = places[entry] ?? 0;
        vector[at++] = place >> 8;
        vector[at++] = place & 0xff;
      }
    }
    return vector.subarray(0, at);
  };

  return {
    write(tokens, language) {
      piece += 1;
      lexemes.length = 0;
      placed = 0;
      bytes = 0;
      let done = 0;
      for (const token of tokens) {
        if (bytes > MAX_VECTOR_BYTES) break;
        done += 1;
        for (const lexeme of token.lexemes(language)) note(lexeme, done);
      }
      return { vector: lexemes.length > 0 ? encode() : null, tokens: done };
    },
  };
}

function grow<T extends Uint16Array | Int32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

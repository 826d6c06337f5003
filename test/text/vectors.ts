import { analyze } from '../../src/text/analyze.ts';

/** The lexemes of tsvectors in PostgreSQL's binary format, with their positions, each vector by itself. */
export function readVectors(vectors: Buffer[]): Map<string, number[]>[] {
  return vectors.map((vector) => {
    const lexemes = new Map<string, number[]>();
    let at = 4;
    for (let left = vector.readInt32BE(0); left > 0; left--) {
      const end = vector.indexOf(0, at);
      const text = vector.toString('utf8', at, end);
      const count = vector.readUInt16BE(end + 1);
      const positions = Array.from({ length: count }, (_, index) => vector.readUInt16BE(end + 3 + index * 2));
      lexemes.set(text, positions);
      at = end + 3 + count * 2;
    }
    return lexemes;
  });
}

/** What a short text is found by. */
export function lexemesOf(text: string): string[] {
  return readVectors(analyze(text)).flatMap((lexemes) => [...lexemes.keys()]);
}

import { expect, test } from 'vitest';
import { createRowWriter, type Piece } from '../../src/domain/import/binary-rows.ts';

const LARGE_BYTES = 256 * 1024;

/** Takes the memory of pieces away, as handing them to a thread does. */
function handOver(pieces: Piece[]): void {
  structuredClone(pieces, { transfer: pieces.map(({ buffer }) => buffer) });
}

test('Whatever becomes of the pieces of a writer, the next ones write on', () => {
  for (let round = 0; round < 2; round += 1) {
    const large = new Uint8Array(LARGE_BYTES).fill(7);
    const writer = createRowWriter();
    writer.text('before');
    writer.append({ bytes: large, rows: 1 });
    const pieces = writer.finish();
    expect(pieces.map(({ length }) => length)).toEqual([10, LARGE_BYTES]);
    handOver(pieces);
    expect(writer.rows).toBe(0);
    writer.text('anew');
    expect(Buffer.concat(writer.finish()).toString()).toBe('\0\0\0\u0004anew');
  }
});

test('A writer that wrote nothing has no piece', () => {
  const writer = createRowWriter();
  expect(writer.finish()).toEqual([]);
  writer.append({ bytes: new Uint8Array(LARGE_BYTES), rows: 1 });
  expect(writer.take()).toMatchObject({ bytes: { length: LARGE_BYTES }, rows: 1 });
  expect(writer.finish()).toEqual([]);
});

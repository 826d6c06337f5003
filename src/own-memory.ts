/**
 * Whether bytes lie in memory that Node does not share out: small buffers are parts of a pool, which nobody may take. A part of
 * as little as could be the pool counts as one of the pool's.
 */
export const hasOwnMemory = (bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> =>
  bytes.buffer instanceof ArrayBuffer && (bytes.buffer.byteLength > Buffer.poolSize || fillsBuffer(bytes));

/** Whether nobody else can have a part of their buffer. */
export const fillsBuffer = (bytes: Uint8Array): boolean =>
  bytes.length > 0 && bytes.length === bytes.buffer.byteLength;

/** Of buffers with parts that were lent: how many read one, their owner included, and have not given it back. */
const readers = new WeakMap<ArrayBufferLike, number>();

/** Lends a part of a buffer to one more reader: its memory then goes only with what the last of them gives back. */
export function lend<Part extends Uint8Array>(part: Part): Part {
  readers.set(part.buffer, (readers.get(part.buffer) ?? 1) + 1);
  return part;
}

/** Whether somebody else reads of the same buffer. */
export const isShared = ({ buffer }: Uint8Array): boolean => (readers.get(buffer) ?? 1) > 1;

/**
 * Gives memory that nobody reads any more back at once: V8, which counts little of what lies outside of its heap, would leave
 * megabytes of it about. All bytes in the same buffer are gone then, unless parts of it are lent: those stay until each has been
 * given back, once. What may be a part of Node's pool is left to V8, and so is what is gone already.
 */
export function giveBack(...pieces: readonly Uint8Array[]): void {
  for (const piece of pieces) {
    if (!hasOwnMemory(piece)) continue;
    const left = (readers.get(piece.buffer) ?? 1) - 1;
    if (left > 0) readers.set(piece.buffer, left);
    else piece.buffer.transfer(0);
  }
}

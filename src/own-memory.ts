/**
 * Whether bytes lie in memory that Node does not share out: small buffers are parts of a pool, which nobody may take.
 * As little as could be the pool's counts as the pool's.
 */
export const hasOwnMemory = (bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> =>
  bytes.buffer instanceof ArrayBuffer && bytes.buffer.byteLength > Buffer.poolSize;

/**
 * Gives memory that nobody reads any more back at once: V8, which counts little of what lies outside of its heap, would leave
 * megabytes of it about. All bytes in the same buffer are gone then. What may be a part of Node's pool is left to V8, and so is
 * what is gone already.
 */
export function giveBack(...pieces: readonly Uint8Array[]): void {
  for (const piece of pieces) if (hasOwnMemory(piece)) piece.buffer.transfer(0);
}

/**
 * Cuts a JSON array into the bytes of its elements without reading the JSON: only brackets and quotes matter, and a
 * quote ends a string unless an odd number of backslashes stands before it.
 */
import { createSlicer, type Slice, type SliceOptions } from './slices/slicer.ts';

/** Smaller ones may lie in memory that Node shares out. */
const MIN_OWN_BYTES = 64 * 1024;

export type { Slice, SliceOptions } from './slices/slicer.ts';

/**
 * Yields every element of a top-level array, of the array in a top-level `{"conversations": [...]}`, or bare top-level
 * objects. Memory stays within one element and one chunk. What is complete comes before an error: JSON_TRUNCATED when
 * the source ends inside, JSON_INVALID, JSON_UTF16, or the source's own.
 */
export async function* sliceElements(
  chunks: AsyncIterable<Buffer>,
  options: SliceOptions = {},
): AsyncGenerator<Slice> {
  const slicer = createSlicer(options);
  for await (const chunk of chunks) {
    yield* slicer.write(chunk);
    const failure = slicer.failure();
    if (failure !== null) throw failure;
    if (options.ownsChunks) release(chunk);
  }
  slicer.end();
}

/**
 * Gives the memory behind a chunk back at once: V8, which hardly hears of it, would leave megabytes of such chunks lying
 * about. Only when this was the last of it, for an inflater fills a buffer by and by and then takes the next.
 */
function release({ buffer, byteOffset, length }: Buffer): void {
  const isLast = byteOffset + length === buffer.byteLength;
  if (isLast && length > 0 && buffer.byteLength >= MIN_OWN_BYTES && buffer instanceof ArrayBuffer)
    buffer.transfer(0);
}

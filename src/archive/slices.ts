/**
 * Cuts a JSON array into the bytes of its elements without reading the JSON: only brackets and quotes matter, and a
 * quote ends a string unless an odd number of backslashes stands before it.
 */
import { giveBack } from '../own-memory.ts';
import { createSlicer, type Slice, type SliceOptions } from './slices/slicer.ts';

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
    if (options.ownsChunks && endsItsBuffer(chunk)) giveBack(chunk);
  }
  slicer.end();
}

/** Whether this was the last of a buffer, for an inflater fills one by and by and then takes the next. */
const endsItsBuffer = ({ buffer, byteOffset, length }: Buffer) => byteOffset + length === buffer.byteLength;

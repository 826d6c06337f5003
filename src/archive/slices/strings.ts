const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Past this many bytes a search in native code is quicker than a loop. */
const SHORT_STRING_BYTES = 40;

/** Where in a string the last chunk ended. */
export interface StringState {
  open: boolean;
  /** The last byte was a backslash that escapes the next one. */
  escaped: boolean;
}

/** The offset behind the closing quote of a string that begins at `from`, or 0 when it is not near. */
export function nearEndOfString(chunk: Buffer, from: number): number {
  const near = Math.min(chunk.length, from + SHORT_STRING_BYTES);
  for (let at = from; at < near; at += 1) {
    const byte = chunk[at];
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) at += 1;
  }
  return 0;
}

/**
 * The offset behind the string's closing quote, or the chunk's length when the string goes on; `state` says which.
 * `from` lies inside the string.
 */
export function endOfString(chunk: Buffer, from: number, state: StringState): number {
  const end = chunk.length;
  let at = from;
  if (state.escaped) {
    state.escaped = false;
    at += 1;
  }
  while (at < end) {
    const quote = chunk.indexOf(QUOTE, at);
    const stop = quote < 0 ? end : quote;
    const escaped = (stop - startOfBackslashes(chunk, at, stop)) % 2 === 1;
    if (quote < 0) {
      state.escaped = escaped;
      return end;
    }
    if (!escaped) {
      state.open = false;
      return quote + 1;
    }
    at = quote + 1;
  }
  return end;
}

function startOfBackslashes(chunk: Buffer, from: number, end: number): number {
  let at = end;
  while (at > from && chunk[at - 1] === BACKSLASH) at -= 1;
  return at;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Past this many bytes a search in native code is quicker than a loop. */
const SHORT_STRING_BYTES = 32;

/** Where in a string the last chunk ended. */
export interface StringState {
  open: boolean;
  /** The last byte was a backslash that escapes the next one. */
  escaped: boolean;
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
  const near = Math.min(end, at + SHORT_STRING_BYTES);
  while (at < near) {
    const byte = chunk[at];
    if (byte === QUOTE) {
      state.open = false;
      return at + 1;
    }
    at += byte === BACKSLASH ? 2 : 1;
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
  // An escape that began with the chunk's last byte stepped over its end.
  state.escaped = at > end;
  return end;
}

function startOfBackslashes(chunk: Buffer, from: number, end: number): number {
  let at = end;
  while (at > from && chunk[at - 1] === BACKSLASH) at -= 1;
  return at;
}

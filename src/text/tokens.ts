import { characterClasses, classOfPair, MARK, PAIRED, SEPARATOR, SURROGATE, WORD } from './characters.ts';

/** Hears of a token, from `start` to before `end`; answers false to stop. */
export type OnToken = (start: number, end: number, isPair: boolean) => boolean;

/**
 * Finds the tokens of a text in order, each of which is one position: words with the underscores inside them, and for
 * every character of a script without spaces that character with the next, so that any two neighbours are one token. The
 * last of such a run stands alone. Any string will do, lone surrogates included.
 */
export function scanTokens(text: string, from: number, onToken: OnToken): void {
  scanUnits(unitsOf(text), text.length, from, onToken);
}

/** The UTF-16 code units of a text, written into `room` when they fit: an array is read several times as fast as a string. */
export function unitsOf(text: string, room?: Uint16Array<ArrayBuffer>): Uint16Array<ArrayBuffer> {
  const units = room && text.length <= room.length ? room : new Uint16Array(text.length);
  Buffer.from(units.buffer).write(text, 'utf16le');
  return units;
}

/** As `scanTokens`, in the first `length` of these. */
export function scanUnits(units: Uint16Array, length: number, from: number, onToken: OnToken): void {
  const classes = characterClasses();
  let at = from;
  while (at < length) {
    let width = 1;
    let kind = classes[units[at] as number];
    if (kind === SURROGATE) {
      kind = classOfPair(units, length, at);
      width = kind === SEPARATOR ? 1 : 2;
    }
    if (kind === WORD) {
      const start = at;
      at = endOfWord(units, length, at + width, classes);
      if (!onToken(start, at, false)) return;
    } else if (kind === PAIRED) {
      const next = at + width;
      if (!onToken(at, next + pairedWidth(units, length, next, classes), true)) return;
      at = next;
    } else at += width;
  }
}

function endOfWord(units: Uint16Array, length: number, from: number, classes: Uint8Array): number {
  let at = from;
  while (at < length) {
    const kind = classes[units[at] as number];
    if (kind === WORD || kind === MARK) at += 1;
    else if (kind === SURROGATE) {
      const whole = classOfPair(units, length, at);
      if (whole !== WORD && whole !== MARK) return at;
      at += 2;
    } else return at;
  }
  return at;
}

/** How many code units a character of the same kind takes here; 0 when there is none. */
function pairedWidth(units: Uint16Array, length: number, at: number, classes: Uint8Array): number {
  if (at >= length) return 0;
  const kind = classes[units[at] as number];
  if (kind === PAIRED) return 1;
  return kind === SURROGATE && classOfPair(units, length, at) === PAIRED ? 2 : 0;
}

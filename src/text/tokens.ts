import { characterClasses, classOfPair, MARK, PAIRED, SEPARATOR, SURROGATE, WORD } from './characters.ts';

/** Hears of a token, from `start` to before `end`; answers false to stop. */
export type OnToken = (start: number, end: number, isPair: boolean) => boolean;

/**
 * Finds the tokens of a text in order, each of which is one position: words with the underscores inside them, and for
 * every character of a script without spaces that character with the next, so that any two neighbours are one token. The
 * last of such a run stands alone. Any string will do, lone surrogates included.
 */
export function scanTokens(text: string, from: number, onToken: OnToken): void {
  const classes = characterClasses();
  const { length } = text;
  let at = from;
  while (at < length) {
    let width = 1;
    let kind = classes[text.charCodeAt(at)];
    if (kind === SURROGATE) {
      kind = classOfPair(text, at);
      width = kind === SEPARATOR ? 1 : 2;
    }
    if (kind === WORD) {
      const start = at;
      at = endOfWord(text, at + width, classes);
      if (!onToken(start, at, false)) return;
    } else if (kind === PAIRED) {
      const next = at + width;
      if (!onToken(at, next + pairedWidth(text, next, classes), true)) return;
      at = next;
    } else at += width;
  }
}

function endOfWord(text: string, from: number, classes: Uint8Array): number {
  let at = from;
  // A read behind the end would give NaN, and V8 a slower way to read any character from then on.
  while (at < text.length) {
    const kind = classes[text.charCodeAt(at)];
    if (kind === WORD || kind === MARK) at += 1;
    else if (kind === SURROGATE) {
      const whole = classOfPair(text, at);
      if (whole !== WORD && whole !== MARK) return at;
      at += 2;
    } else return at;
  }
  return at;
}

/** How many code units a character of the same kind takes here; 0 when there is none. */
function pairedWidth(text: string, at: number, classes: Uint8Array): number {
  const kind = at < text.length ? classes[text.charCodeAt(at)] : SEPARATOR;
  if (kind === PAIRED) return 1;
  return kind === SURROGATE && classOfPair(text, at) === PAIRED ? 2 : 0;
}

import type { ChatEnd } from '../services.ts';

/** No excerpt has a higher number, and no list of them is longer: years and other numbers in brackets are left alone. */
const NUMBERS = String.raw`\d{1,3}(?:, ?\d{1,3}){0,19}`;

const CITATION = String.raw`\[${NUMBERS}\]`;

/** A run of backticks, the end of a line, or citations side by side; before a `(` the last one is a link. */
const PART = new RegExp(String.raw`(\`+)|(\n)| ?((?:${CITATION}){1,5})(?!\()`, 'g');

/** No fence of code is longer. */
const MAX_TICKS = 100;

/** The beginning of such a part at the end of a piece. A longer run of backticks is looked through once, and not held. */
const UNFINISHED = new RegExp(
  String.raw`(?:(?<!\`)\`{1,${MAX_TICKS}}| | ?(?:${CITATION}){1,5}| ?(?:${CITATION}){0,4}\[(?:${NUMBERS}(?:, ?)?)?)$`,
);

/**
 * An answer without citations of what the model was not given: `[9]` goes when there is no 9, and `[1, 9]` becomes `[1]`. What is
 * in code stays. Only what may still become a citation waits for the next piece.
 */
export async function* keepKnownCitations(
  pieces: AsyncGenerator<string, ChatEnd>,
  known: ReadonlySet<number>,
): AsyncGenerator<string, ChatEnd> {
  let held = '';
  /** Backticks that have begun the code that we are in; three and more go over lines. */
  let opened = 0;

  const clean = (text: string) =>
    text.replace(PART, (whole, ticks?: string, line?: string, citations?: string) => {
      if (ticks) {
        if (opened === 0) opened = ticks.length;
        else if (ticks.length === opened || (opened >= 3 && ticks.length > opened)) opened = 0;
      }
      if (line && opened < 3) opened = 0;
      if (!citations || opened > 0) return whole;
      const kept = citations.replaceAll(/\[([^\]]+)\]/g, (citation, numbers: string) => {
        const given = numbers.split(',').map(Number);
        const found = given.filter((number) => known.has(number));
        if (found.length === given.length) return citation;
        return found.length > 0 ? `[${found.join(', ')}]` : '';
      });
      return kept === '' ? '' : whole.replace(citations, kept);
    });

  try {
    for (;;) {
      const { value, done } = await pieces.next();
      const text = done ? held : held + value;
      const cut = done ? -1 : text.search(UNFINISHED);
      held = cut < 0 ? '' : text.slice(cut);
      const shown = clean(cut < 0 ? text : text.slice(0, cut));
      if (shown !== '') yield shown;
      if (done) return value;
    }
  } catch (error) {
    // What had arrived is kept with the turn.
    const rest = clean(held);
    if (rest !== '') yield rest;
    throw error;
  } finally {
    await pieces.return('DONE');
  }
}

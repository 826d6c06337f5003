/** Longer text is shown as it was written: a parser of Markdown takes more than linear time on hostile text. */
const MAX_CHARACTERS = 60_000;

/** A parser looks from each mark and bracket for its other half: a tenth of a second for so many, seconds for ten times more. */
const MAX_MARKS = 2_000;
const MAX_CLOSING_BRACKETS = 3_000;
/** Each item of a list takes as long as a paragraph, and each of its levels has it parsed anew. */
const MAX_LINES = 3_000;
const MAX_ITEMS = 2_000;
const DEEP = /(?:>[ \t]?|(?:[-*+]|\d{1,9}[.)])[ \t]+){100}/;
const ITEM = /(?<=^|[ \t>])(?:[-*+]|\d{1,9}[.)])(?=[ \t])/gm;

/** Each row of a table gets a cell for each of its columns, however little was written. */
const MAX_CELLS = 50_000;
/** What a line is made of that may say how many columns there are. */
const COLUMNS = /^[ \t>|:-]+$/gm;

/** Code first, so that what looks like a mark in it is none. */
const CODE_OR_MARK = /(`{3,}|~{3,})[\s\S]*?(?:\1|$)|`[^`\n]*`|[*_~]+|[[\]\n]/g;

/** Whether a text is better shown as it was written, for it would hold the page up as Markdown. */
export function isTooMuch(text: string): boolean {
  if (text.length > MAX_CHARACTERS || DEEP.test(text)) return true;
  let marks = 0;
  let closing = 0;
  let lines = 0;
  for (const [part] of text.matchAll(CODE_OR_MARK)) {
    if (part === '\n') lines += 1;
    else if (part === ']') closing += 1;
    else if (/^(?:[*_[]|~~?$)/.test(part)) marks += 1;
    if (marks > MAX_MARKS || closing > MAX_CLOSING_BRACKETS || lines > MAX_LINES) return true;
  }
  return countOf(text, ITEM) > MAX_ITEMS || mostCells(text) > MAX_CELLS;
}

const countOf = (text: string, what: RegExp): number => text.match(what)?.length ?? 0;

/** No fewer cells than the tables of a text can have. */
function mostCells(text: string): number {
  const columns = (text.match(COLUMNS) ?? []).map((line) => countOf(line, /\|/g) + 1);
  return columns.length === 0 ? 0 : Math.max(...columns) * (countOf(text, /\n/g) + 1);
}

/** A query as it is typed, cut into its branches and terms. */
import { MAX_WORD_CHARACTERS } from './fold.ts';
import { scanTokens } from './tokens.ts';

/** So many tokens of a query count. */
const MAX_QUERY_TOKENS = 64;

/** What stands between blanks or in quotes. */
export interface Term {
  /** As it is typed, without quotes and the dash that excludes it. */
  text: string;
  /** None when it is all signs, as `=>` is. */
  tokens: { raw: string; isPair: boolean; position: number }[];
  isExcluded: boolean;
  isQuoted: boolean;
}

/** What stands on one side of OR. */
export interface Branch {
  terms: Term[];
  /** All of it that is neither quoted nor excluded, as it is typed. */
  plain: string;
}

const blanks = /,(?!\d)|[;!|，。、；！？]|\?$/u;
const quotes = /["“”„]/u;

/** Each branch of OR, one at least. */
export function splitBranches(text: string): Branch[] {
  let branch: Branch = { terms: [], plain: '' };
  const branches = [branch];
  let left = MAX_QUERY_TOKENS;
  const add = (words: string, isExcluded: boolean, isQuoted: boolean) => {
    const tokens = tokensOf(words).slice(0, left);
    const isSigns = isQuoted && words.trim() !== '';
    if (left === 0 || (tokens.length === 0 && !isSigns)) return;
    left -= Math.max(tokens.length, 1);
    branch.terms.push({ text: words, tokens, isExcluded, isQuoted });
  };
  // Outside of quotes at even places; a quote that is never closed goes to the end.
  const parts = text.split(quotes);
  for (const [index, part] of parts.entries()) {
    if (index % 2 === 1) {
      add(part, /(^|\s)-$/.test(parts[index - 1] ?? ''), true);
      continue;
    }
    for (const typed of part.split(/\s+/u)) {
      if (typed === 'OR') {
        branch = { terms: [], plain: '' };
        branches.push(branch);
        continue;
      }
      for (const word of typed.split(blanks)) add(withoutDash(word), isExclusion(word), false);
      if (typed !== '-' && !isExclusion(typed)) branch.plain = `${branch.plain} ${typed}`.trim();
    }
  }
  return branches;
}

/** A dash before a word; `->` and `--amend` have a meaning of their own. */
const isExclusion = (typed: string) => /^-[^-]/.test(typed) && tokensOf(typed).length > 0;
const withoutDash = (typed: string) => (isExclusion(typed) ? typed.slice(1) : typed);

function tokensOf(text: string): Term['tokens'] {
  const tokens: Term['tokens'] = [];
  let position = 0;
  let runEnd = -1;
  scanTokens(text, 0, (start, end, isPair) => {
    position += 1;
    // The last of a run stands in the pair before it.
    if (!isPair || end !== runEnd) {
      tokens.push({ raw: text.slice(start, Math.min(end, start + MAX_WORD_CHARACTERS)), isPair, position });
    }
    runEnd = isPair ? end : -1;
    return tokens.length < MAX_QUERY_TOKENS;
  });
  return tokens;
}

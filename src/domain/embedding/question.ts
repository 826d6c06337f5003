import { parseQuery } from '../../text/query.ts';

const EXCLUDED = /(?<=^|\s)-(?!-)(?:["“”„][^"“”„]*["“”„]?|[^\s"“”„]+)/gu;
const OPERATORS = /["“”„]|(?<=^|\s)OR(?=\s|$)/gu;

/**
 * What a web-style query means: its words without operators, empty when it only excludes; and what it excludes, as a
 * tsquery.
 */
export function readMeaning(query: string): { text: string; excluded: string | null } {
  const excluded = [...query.matchAll(EXCLUDED)].flatMap(([term]) => {
    const { tsquery, toRead } = parseQuery(term.slice(1));
    return tsquery ?? toRead[0]?.tsquery ?? [];
  });
  const text = query.replaceAll(EXCLUDED, ' ').replaceAll(OPERATORS, ' ').replaceAll(/\s+/g, ' ').trim();
  return { text, excluded: excluded.length > 0 ? excluded.map((term) => `(${term})`).join(' | ') : null };
}

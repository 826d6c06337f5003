/** Code first, so that nothing within it is taken for mathematics; then TeX's own delimiters, at most this long. */
const CODE_OR_MATH =
  /(`{3,}|~{3,})[\s\S]*?(?:\1|$)|`[^`\n]*`|^([ \t]*)\\\[([\s\S]{1,4000}?)\\\][ \t]*$|\\\[([\s\S]{1,4000}?)\\\]|\\\(([\s\S]{1,1000}?)\\\)/gm;

/**
 * Turns the delimiters that models write, `\(…\)` and `\[…\]`, into the dollars that remark-math reads. Markdown would take
 * the backslash for an escape. A single dollar stays a dollar: people talk of prices more than in TeX.
 */
export function withDollarMath(markdown: string): string {
  if (!markdown.includes('\\[') && !markdown.includes('\\(')) return markdown;
  return markdown.replace(
    CODE_OR_MATH,
    (
      whole: string,
      _fence: string | undefined,
      indent: string | undefined,
      display: string | undefined,
      within: string | undefined,
      inline: string | undefined,
    ) => {
      if (display !== undefined) {
        const lines = display.trim().split('\n');
        return [`${indent}$$`, ...lines.map((line) => `${indent}${line.trim()}`), `${indent}$$`].join('\n');
      }
      const onOneLine = within ?? inline;
      return onOneLine === undefined ? whole : `$$${onOneLine.replaceAll('\n', ' ').trim()}$$`;
    },
  );
}

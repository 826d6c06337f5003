/**
 * The beginning of a text that fits a window of so many tokens, by an estimate that errs on the safe side for the usual
 * tokenizers: three ASCII characters to a token, one of any other script.
 */
export function cutToTokens(text: string, tokens: number): string {
  let thirds = tokens * 3;
  for (let at = 0; at < text.length; at += 1) {
    thirds -= text.charCodeAt(at) < 0x80 ? 1 : 3;
    // Between the halves of a pair would be no character.
    if (thirds < 0) return text.slice(0, at).replace(/[\ud800-\udbff]$/, '');
  }
  return text;
}

/** The same estimate. */
export function estimateTokens(text: string): number {
  let thirds = 0;
  for (let at = 0; at < text.length; at += 1) thirds += text.charCodeAt(at) < 0x80 ? 1 : 3;
  return Math.ceil(thirds / 3);
}

import rehypeHighlight from 'rehype-highlight';
import type { PluggableList } from 'unified';

type Root = Parameters<ReturnType<typeof rehypeHighlight>>[0];
type Element = Extract<Root['children'][number], { type: 'element' }>;

/** The colouring takes more than linear time on lines without an end, such as a file in base64, and on scripts within pages. */
const MAX_CHARACTERS = 10_000;
const MAX_CHARACTERS_OF_ALL = 30_000;
const LONG_LINE = /.{500}/;
const MAX_SCRIPTS = 50;

export const rehype: PluggableList = [leavePlain, rehypeHighlight];

/** Takes code that would hold the page up out of what is coloured. */
function leavePlain() {
  return (tree: Root) => {
    let left = MAX_CHARACTERS_OF_ALL;
    for (const code of codeIn(tree)) {
      const text = textOf(code);
      if (isTooMuch(text) || text.length > left) {
        const { className } = code.properties;
        code.properties.className = ['no-highlight', ...(Array.isArray(className) ? className : [])];
      } else left -= text.length;
    }
  };
}

const isTooMuch = (code: string): boolean =>
  code.length > MAX_CHARACTERS ||
  LONG_LINE.test(code) ||
  (code.match(/<(?:script|style|\?)/gi)?.length ?? 0) > MAX_SCRIPTS;

function* codeIn({ children }: Root | Element): Generator<Element> {
  for (const child of children) {
    if (child.type !== 'element') continue;
    if (child.tagName === 'code') yield child;
    else yield* codeIn(child);
  }
}

const textOf = ({ children }: Element): string =>
  children.map((child) => (child.type === 'text' ? child.value : '')).join('');

import { useQuery } from '@tanstack/react-query';
import type { PluggableList } from 'unified';

/** A block of code that names its language, fenced as Markdown has it. */
const HAS_CODE = /^[ \t]*(?:`{3,}|~{3,})[ \t]*\w/m;

/** A formula may define commands, each use of which is as long as it likes: a thousand letters make millions. */
const DEFINES = /\\(?:[egx]?def|(?:re)?newcommand|providecommand|(?:future)?let|global|long)(?![a-zA-Z])/;
const FORMULAS = /\$\$[\s\S]*?\$\$|(`{3,}|~{3,})[ \t]*math[\s\S]*?(?:\1|$)/g;
const MAX_FORMULAS = 20_000;

/** Whether there is mathematics that does not hold the page up. */
function hasMath(markdown: string): boolean {
  if (!markdown.includes('$$') || DEFINES.test(markdown)) return false;
  const formulas = markdown.match(FORMULAS) ?? [];
  return formulas.reduce((sum, { length }) => sum + length, 0) <= MAX_FORMULAS;
}

/**
 * The plugins that draw mathematics and colour code, loaded when a text first needs them; until then, and when they cannot be
 * loaded, the text is shown without.
 */
export function useExtras(markdown: string): { remark: PluggableList; rehype: PluggableList } {
  const needsMath = hasMath(markdown);
  const needsColours = HAS_CODE.test(markdown);
  const math = useQuery({
    queryKey: ['plugin', 'math'],
    enabled: needsMath,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: () => import('./math.ts'),
  });
  const colours = useQuery({
    queryKey: ['plugin', 'colours'],
    enabled: needsColours,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async () => (await import('./colours.ts')).rehype,
  });
  return {
    remark: needsMath && math.data ? math.data.remark : [],
    rehype: [
      ...(needsMath && math.data ? math.data.rehype : []),
      ...(needsColours && colours.data ? colours.data : []),
    ],
  };
}

import { useQuery } from '@tanstack/react-query';
import type { PluggableList } from 'unified';

/** A block of code that names its language, fenced as Markdown has it. */
const HAS_CODE = /^[ \t]*(?:`{3,}|~{3,})[ \t]*\w/m;

/**
 * The plugins that draw mathematics and colour code, loaded when a text first needs them; until then, and when they cannot be
 * loaded, the text is shown without.
 */
export function useExtras(markdown: string): { remark: PluggableList; rehype: PluggableList } {
  const needsMath = markdown.includes('$$');
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
    queryFn: async () => (await import('rehype-highlight')).default,
  });
  return {
    remark: needsMath && math.data ? math.data.remark : [],
    rehype: [
      ...(needsMath && math.data ? math.data.rehype : []),
      ...(needsColours && colours.data ? [colours.data] : []),
    ],
  };
}

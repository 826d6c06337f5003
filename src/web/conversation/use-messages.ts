import { useInfiniteQuery } from '@tanstack/react-query';
import {
  type MessageFragment,
  MessagesDocument,
  type MessagesQueryVariables,
} from '../../generated/web/operations.ts';
import { ask } from '../api/graphql.ts';

const PAGE = 40;

/** As a connection is asked for: from the front, or from the back. */
type Part = Pick<MessagesQueryVariables, 'first' | 'after' | 'last' | 'before'>;

/**
 * The messages of one path, read from any place in it: of the path that leads through `anchor`, from its surroundings on; without
 * an anchor of the active path, from its beginning on.
 */
export function useMessages(id: string, anchor: string | null) {
  const query = useInfiniteQuery({
    queryKey: ['messages', id, anchor],
    queryFn: async ({ pageParam, signal }) => {
      const { conversation } = await ask(MessagesDocument, { id, around: anchor, ...pageParam }, signal);
      return conversation?.messages ?? null;
    },
    initialPageParam: { first: PAGE } as Part,
    getNextPageParam: (page, _pages, { before }): Part | null => {
      const { hasNextPage = false, endCursor = null } = page?.pageInfo ?? {};
      // What was asked for from its end on has something behind it. All pages are asked for anew from the first one on, which may
      // be empty: before the beginning.
      if (before) return endCursor ? { first: PAGE, after: endCursor } : { first: PAGE };
      return hasNextPage && endCursor ? { first: PAGE, after: endCursor } : null;
    },
    getPreviousPageParam: (page, _pages, { before, after }): Part | null => {
      // Of a page that was asked for by its middle nobody says whether anything comes before it.
      const isUnknown = anchor !== null && !before && !after;
      const startCursor = page?.pageInfo.startCursor;
      return startCursor && (isUnknown || page.pageInfo.hasPreviousPage)
        ? { last: PAGE, before: startCursor }
        : null;
    },
    // Another path is put in the place of this one once it is there.
    placeholderData: (before) => before,
    // A page that comes back must not move what is being read.
    refetchOnWindowFocus: false,
    staleTime: 60_000,
  });
  const messages: MessageFragment[] =
    query.data?.pages.flatMap((page) => page?.edges.map(({ node }) => node) ?? []) ?? [];
  return { ...query, messages };
}

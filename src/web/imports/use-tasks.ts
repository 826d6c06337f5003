import { type InfiniteData, useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useState } from 'react';
import {
  SyncActivityDocument,
  SyncHistoryDocument,
  type SyncHistoryQuery,
  type TaskFragment,
} from '../../generated/web/operations.ts';
import { ask } from '../api/graphql.ts';
import { useSubscription } from '../api/subscription.ts';

const KEY = ['sync-history'];

export const isOver = ({ status }: TaskFragment): boolean => status !== 'QUEUED' && status !== 'RUNNING';

/** All of the viewer's imports, newest first, each as new as anything that was heard of it. */
export function useTasks() {
  const queries = useQueryClient();
  const [heard, setHeard] = useState<ReadonlyMap<string, TaskFragment>>(new Map());
  const history = useInfiniteQuery({
    queryKey: KEY,
    queryFn: ({ pageParam, signal }) => ask(SyncHistoryDocument, { after: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: ({ syncHistory: { pageInfo } }) => (pageInfo.hasNextPage ? pageInfo.endCursor : null),
  });
  const learn = useCallback(
    (task: TaskFragment) => {
      setHeard((before) => {
        const known = before.get(task.id);
        return known && known.seq >= task.seq ? before : new Map(before).set(task.id, task);
      });
      if (!isOver(task)) return;
      void queries.invalidateQueries({ queryKey: KEY });
      // What it brought is to be seen on the other pages.
      for (const key of ['conversations', 'insights', 'schedule'])
        void queries.invalidateQueries({ queryKey: [key] });
    },
    [queries],
  );
  const live = useSubscription(SyncActivityDocument, {}, ({ syncActivity }) => learn(syncActivity), {
    endless: true,
  });
  const { state } = live;
  useEffect(() => {
    // What ended while nobody listened is told by the list alone.
    if (state === 'open') void queries.invalidateQueries({ queryKey: KEY });
  }, [state, queries]);
  return { tasks: merge(history.data, heard), history, live, learn };
}

function merge(
  data: InfiniteData<SyncHistoryQuery> | undefined,
  heard: ReadonlyMap<string, TaskFragment>,
): TaskFragment[] {
  const all = new Map(heard);
  for (const { syncHistory } of data?.pages ?? []) {
    for (const { node } of syncHistory.edges) {
      const known = all.get(node.id);
      if (!known || known.seq < node.seq) all.set(node.id, node);
    }
  }
  return [...all.values()].toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
}

import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import {
  HasProblemsDocument,
  SyncProblemsDocument,
  type TaskFragment,
} from '../../generated/web/operations.ts';
import { ask } from '../api/graphql.ts';
import { Failure } from '../parts/failure.tsx';
import { Loading } from '../parts/loading.tsx';
import { texts } from '../texts/index.ts';

const words = texts.imports.problems;

/** Whether there is anything to tell of an import that is over. Notes are not counted: they are asked for. */
export function useHasProblems({ id, seq, status, counts }: TaskFragment, isOver: boolean): boolean {
  const isKnown = counts.skipped + counts.failed > 0 || status === 'PARTIAL';
  const asked = useQuery({
    queryKey: ['has-problems', id, seq],
    enabled: isOver && !isKnown,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: ({ signal }) => ask(HasProblemsDocument, { taskId: id }, signal),
  });
  return isOver && (isKnown || (asked.data?.syncStatus?.problems.edges.length ?? 0) > 0);
}

/** Every conversation that did not come in as it should have, and why. Loaded when it is opened. */
export function Problems({ taskId }: { taskId: string }) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{words.show}</summary>
      {open && <List taskId={taskId} />}
    </details>
  );
}

function List({ taskId }: { taskId: string }) {
  const problems = useInfiniteQuery({
    queryKey: ['problems', taskId],
    queryFn: ({ pageParam, signal }) => ask(SyncProblemsDocument, { taskId, after: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: ({ syncStatus }) => {
      const info = syncStatus?.problems.pageInfo;
      return info?.hasNextPage ? info.endCursor : null;
    },
  });
  if (problems.isPending) return <Loading lines={3} height="1.5rem" />;
  if (problems.isError) return <Failure error={problems.error} retry={() => void problems.refetch()} />;
  const edges = problems.data.pages.flatMap(({ syncStatus }) => syncStatus?.problems.edges ?? []);
  if (edges.length === 0) return <p className="muted">{words.none}</p>;
  return (
    <div className="stack">
      <ul className="plain problems">
        {edges.map(({ cursor, node }) => (
          <li key={cursor}>
            <span className={`badge ${node.outcome === 'FAILED' ? 'danger' : 'warning'}`}>
              {words.outcomes[node.outcome]}
            </span>
            <div>
              <strong>{node.title ?? node.externalId ?? words.untitled}</strong>
              <p>{node.reason}</p>
              {node.conversation && <Link href={`/conversations/${node.conversation.id}`}>{words.open}</Link>}
            </div>
          </li>
        ))}
      </ul>
      {problems.hasNextPage && (
        <button type="button" className="button" onClick={() => void problems.fetchNextPage()}>
          {texts.shell.loadMore}
        </button>
      )}
    </div>
  );
}

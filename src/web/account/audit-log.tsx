import { useInfiniteQuery } from '@tanstack/react-query';
import { AuditLogDocument } from '../../generated/web/operations.ts';
import { ask } from '../api/graphql.ts';
import { formatTime } from '../format.ts';
import { Failure } from '../parts/failure.tsx';
import { Loading } from '../parts/loading.tsx';
import { texts } from '../texts/index.ts';

const words = texts.account.audit;

/** What was done to the account, the newest first. */
export function AuditLog() {
  const log = useInfiniteQuery({
    queryKey: ['audit-log'],
    queryFn: ({ pageParam, signal }) => ask(AuditLogDocument, { after: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: ({ viewer }) =>
      viewer?.auditLog.pageInfo.hasNextPage ? viewer.auditLog.pageInfo.endCursor : null,
  });
  const edges = log.data?.pages.flatMap(({ viewer }) => viewer?.auditLog.edges ?? []) ?? [];
  return (
    <section className="card stack" aria-labelledby="audit">
      <h2 id="audit">{words.title}</h2>
      {log.isPending && <Loading lines={4} height="2rem" />}
      {log.isError && <Failure error={log.error} retry={() => void log.refetch()} />}
      {log.isSuccess && edges.length === 0 && <p className="muted">{words.none}</p>}
      {edges.length > 0 && (
        <table className="table">
          <thead>
            <tr>
              <th scope="col">{words.what}</th>
              <th scope="col">{words.when}</th>
            </tr>
          </thead>
          <tbody>
            {edges.map(({ cursor, node }) => (
              <tr key={cursor}>
                <td>
                  {words.actions[node.action] ?? node.action}
                  {node.subject && <p className="small muted">{node.subject}</p>}
                </td>
                <td>
                  {formatTime(node.at)}
                  <p className="small muted">{node.address}</p>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {log.hasNextPage && (
        <button
          type="button"
          className="button"
          disabled={log.isFetchingNextPage}
          onClick={() => void log.fetchNextPage()}
        >
          {texts.shell.loadMore}
        </button>
      )}
    </section>
  );
}

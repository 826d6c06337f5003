import { useInfiniteQuery } from '@tanstack/react-query';
import { ChatSessionDocument } from '../../generated/web/operations.ts';
import { ask } from '../api/graphql.ts';
import { Failure } from '../parts/failure.tsx';
import { Loading } from '../parts/loading.tsx';
import { texts } from '../texts/index.ts';
import { TurnView } from './turn-view.tsx';
import type { Running } from './use-ask.ts';

const words = texts.chat;

/** What was said in a talk so far, and what is being said. */
export function Turns({
  id,
  running,
  onAsk,
  onRetry,
}: {
  id: string | undefined;
  running: Running | null;
  onAsk: ((query: string) => void) | null;
  onRetry: ((turnId: string, query: string) => void) | null;
}) {
  const session = useInfiniteQuery({
    queryKey: ['chat-session', id],
    enabled: id !== undefined,
    queryFn: async ({ pageParam, signal }) =>
      (await ask(ChatSessionDocument, { id: id ?? '', before: pageParam }, signal)).chatSession ?? null,
    initialPageParam: null as string | null,
    getNextPageParam: (page) =>
      page?.turns.pageInfo.hasPreviousPage ? page.turns.pageInfo.startCursor : null,
  });
  if (id && session.isPending && !running) return <Loading lines={3} height="6rem" />;
  if (id && session.isLoadingError)
    return <Failure error={session.error} retry={() => void session.refetch()} />;
  if (id && session.data?.pages[0] === null) return <p className="notice warning">{words.gone}</p>;
  const turns = (session.data?.pages ?? [])
    .toReversed()
    .flatMap((page) => page?.turns.edges.map(({ node }) => node) ?? [])
    // The one that is being answered stands below, as far as it came.
    .filter((turn) => turn.id !== running?.turn?.id);
  const suggestions = running ? [] : (turns.at(-1)?.suggestions ?? []);
  return (
    <>
      {session.hasNextPage && (
        <button type="button" className="button" onClick={() => void session.fetchNextPage()}>
          {words.earlier}
        </button>
      )}
      <ol className="plain turns">
        {turns.map((turn) => (
          <TurnView
            key={turn.id}
            query={turn.query}
            answer={turn.response}
            context={turn.context}
            error={turn.error?.message ?? null}
            status={turn.status === 'ANSWERING' ? words.answering : null}
            onRetry={turn.status === 'FAILED' && onRetry ? () => onRetry(turn.id, turn.query) : null}
          />
        ))}
        {running && (
          <TurnView
            query={running.query}
            answer={running.turn?.response || running.answer}
            context={running.context}
            error={running.turn?.error?.message ?? null}
            status={
              running.turn?.status === 'FAILED' ? null : running.answer ? words.answering : words.looking
            }
            onRetry={null}
          />
        )}
      </ol>
      {onAsk && suggestions.length > 0 && (
        <section className="stack" aria-label={words.suggestions}>
          <p className="small muted">{words.suggestions}</p>
          <div className="row">
            {suggestions.map((suggestion) => (
              <button
                key={suggestion}
                type="button"
                className="button suggestion"
                onClick={() => onAsk(suggestion)}
              >
                {suggestion}
              </button>
            ))}
          </div>
        </section>
      )}
    </>
  );
}

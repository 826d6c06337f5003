import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { Trash2 } from 'lucide-react';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import { ChatSessionsDocument, DeleteChatSessionDocument } from '../../generated/web/operations.ts';
import { ask, orThrow } from '../api/graphql.ts';
import { formatDay } from '../format.ts';
import { Confirm } from '../parts/confirm.tsx';
import { Failure } from '../parts/failure.tsx';
import { Loading } from '../parts/loading.tsx';
import { texts } from '../texts/index.ts';

const words = texts.chat;

/** Earlier talks, the newest first. */
export function Sessions({ selected }: { selected: string | undefined }) {
  const [deleting, setDeleting] = useState<string | null>(null);
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const sessions = useInfiniteQuery({
    queryKey: ['chat-sessions'],
    queryFn: ({ pageParam, signal }) => ask(ChatSessionsDocument, { after: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: ({ chatSessions: { pageInfo } }) => (pageInfo.hasNextPage ? pageInfo.endCursor : null),
  });
  const remove = async (id: string) => {
    orThrow((await ask(DeleteChatSessionDocument, { id })).deleteChatSession);
    await queries.invalidateQueries({ queryKey: ['chat-sessions'] });
    if (id === selected) navigate('/chat');
  };
  const all =
    sessions.data?.pages.flatMap(({ chatSessions }) => chatSessions.edges.map(({ node }) => node)) ?? [];
  return (
    <section className="stack" aria-labelledby="sessions">
      <h2 id="sessions">{words.sessions}</h2>
      {sessions.isPending && <Loading lines={3} />}
      {sessions.isError && <Failure error={sessions.error} retry={() => void sessions.refetch()} />}
      {sessions.isSuccess && all.length === 0 && <p className="muted">{words.noSessions}</p>}
      <ul className="plain sessions">
        {all.map((session) => (
          <li key={session.id}>
            <Link href={`/chat/${session.id}`} aria-current={session.id === selected ? 'true' : undefined}>
              {session.title}
            </Link>
            <span className="small muted">{formatDay(session.updatedAt)}</span>
            <button
              type="button"
              className="button quiet compact icon"
              aria-label={`${words.delete}: ${session.title}`}
              title={words.delete}
              onClick={() => setDeleting(session.id)}
            >
              <Trash2 size={14} aria-hidden="true" />
            </button>
          </li>
        ))}
      </ul>
      {sessions.hasNextPage && (
        <button type="button" className="button" onClick={() => void sessions.fetchNextPage()}>
          {texts.shell.loadMore}
        </button>
      )}
      {deleting && (
        <Confirm
          title={words.deleteTitle}
          action={words.delete}
          onConfirm={() => remove(deleting)}
          onClose={() => setDeleting(null)}
        >
          <p>{words.deleteText}</p>
        </Confirm>
      )}
    </section>
  );
}

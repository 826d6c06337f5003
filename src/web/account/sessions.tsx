import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import {
  EndSessionDocument,
  SessionsDocument,
  SignOutEverywhereDocument,
} from '../../generated/web/operations.ts';
import { ask, orThrow } from '../api/graphql.ts';
import { formatTime } from '../format.ts';
import { Failure, FailureNotice } from '../parts/failure.tsx';
import { Loading } from '../parts/loading.tsx';
import { texts } from '../texts/index.ts';

const words = texts.account.sessions;

/** Every browser that is signed in, and how to end that. */
export function Sessions() {
  const queries = useQueryClient();
  const sessions = useQuery({
    queryKey: ['sessions'],
    queryFn: ({ signal }) => ask(SessionsDocument, {}, signal),
  });
  const end = useMutation({
    mutationFn: async (id: string) => {
      orThrow((await ask(EndSessionDocument, { id })).endSession);
      await queries.invalidateQueries({ queryKey: ['sessions'] });
      await queries.invalidateQueries({ queryKey: ['session'] });
    },
  });
  const everywhere = useMutation({
    mutationFn: async () => {
      orThrow((await ask(SignOutEverywhereDocument, {})).signOutEverywhere);
      queries.clear();
      await queries.invalidateQueries();
      location.assign('/');
    },
  });
  return (
    <section className="card stack" aria-labelledby="sessions">
      <div className="row spread">
        <h2 id="sessions">{words.title}</h2>
        <button
          type="button"
          className="button compact"
          disabled={everywhere.isPending}
          onClick={() => everywhere.mutate()}
        >
          {words.everywhere}
        </button>
      </div>
      {sessions.isPending && <Loading lines={2} />}
      {sessions.isError && <Failure error={sessions.error} retry={() => void sessions.refetch()} />}
      <FailureNotice error={end.error ?? everywhere.error} />
      <ul className="plain entries">
        {sessions.data?.viewer?.sessions.map((session) => (
          <li key={session.id}>
            <div>
              <strong>{session.device}</strong>{' '}
              {session.current && <span className="badge good">{words.current}</span>}
              <p className="small muted">
                {[session.address, words.seen(formatTime(session.lastSeenAt))].filter(Boolean).join(' · ')}
              </p>
            </div>
            {!session.current && (
              <button
                type="button"
                className="button compact"
                aria-label={words.endOf(session.device)}
                disabled={end.isPending}
                onClick={() => end.mutate(session.id)}
              >
                {words.end}
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

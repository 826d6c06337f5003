import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import {
  EndOtherSessionsDocument,
  EndSessionDocument,
  SessionsDocument,
  SignOutEverywhereDocument,
} from '../../generated/web/operations.ts';
import { ask, orThrow } from '../api/graphql.ts';
import { formatTime } from '../format.ts';
import { Failure, FailureNotice } from '../parts/failure.tsx';
import { LeavingButton } from '../parts/leaving-button.tsx';
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
  const reload = () =>
    Promise.all(['sessions', 'audit-log'].map((key) => queries.invalidateQueries({ queryKey: [key] })));
  const end = useMutation({
    mutationFn: async (id: string) => {
      orThrow((await ask(EndSessionDocument, { id })).endSession);
      await reload();
    },
  });
  const others = useMutation({
    mutationFn: async () => {
      orThrow((await ask(EndOtherSessionsDocument, {})).endOtherSessions);
      await reload();
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
  const list = sessions.data?.viewer?.sessions ?? [];
  return (
    <section className="card stack" aria-labelledby="sessions">
      <h2 id="sessions">{words.title}</h2>
      {sessions.isPending && <Loading lines={2} />}
      {sessions.isError && <Failure error={sessions.error} retry={() => void sessions.refetch()} />}
      <FailureNotice error={end.error ?? others.error ?? everywhere.error} />
      <ul className="plain entries">
        {list.map((session) => (
          <li key={session.id} tabIndex={-1}>
            <div>
              <strong>{session.device}</strong>{' '}
              {session.current && <span className="badge good">{words.current}</span>}
              <p className="small muted">
                {[session.address, words.seen(formatTime(session.lastSeenAt))].filter(Boolean).join(' · ')}
              </p>
            </div>
            {!session.current && (
              <LeavingButton
                label={words.endOf(session.device)}
                busy={end.isPending}
                onClick={() => end.mutate(session.id)}
              >
                {words.end}
              </LeavingButton>
            )}
          </li>
        ))}
      </ul>
      {list.length > 0 && (
        <div className="row" tabIndex={-1}>
          {list.length > 1 && (
            <LeavingButton className="button" busy={others.isPending} onClick={() => others.mutate()}>
              {words.others}
            </LeavingButton>
          )}
          <button
            type="button"
            className="button"
            disabled={everywhere.isPending}
            onClick={() => everywhere.mutate()}
          >
            {words.everywhere}
          </button>
        </div>
      )}
    </section>
  );
}

import { useQuery } from '@tanstack/react-query';
import { Plus, SendHorizontal, Square } from 'lucide-react';
import { useEffect, useState } from 'react';
import { Link, useLocation, useParams } from 'wouter';
import { ChatHealthDocument } from '../../generated/web/operations.ts';
import { ask } from '../api/graphql.ts';
import { Failure, FailureNotice } from '../parts/failure.tsx';
import { Loading } from '../parts/loading.tsx';
import { texts } from '../texts/index.ts';
import { Sessions } from './sessions.tsx';
import { Turns } from './turns.tsx';
import { type Running, useAsk } from './use-ask.ts';
import { useFollowed } from './use-followed.ts';
import './chat.css';

const words = texts.chat;

/** Talks with one's own history, which a model answers from. */
export default function ChatPage() {
  const { id } = useParams();
  const health = useQuery({
    queryKey: ['chat-health'],
    queryFn: ({ signal }) => ask(ChatHealthDocument, {}, signal),
    staleTime: 60_000,
  });
  if (health.isPending) {
    return (
      <div className="page">
        <Loading />
      </div>
    );
  }
  if (health.isLoadingError) return <Failure error={health.error} retry={() => void health.refetch()} />;
  const { isAvailable, reason, model } = health.data.chatHealth;
  return (
    <div className="page stack">
      <header>
        <div className="row spread">
          <h1>{words.title}</h1>
          {id && isAvailable && (
            <Link className="button" href="/chat">
              <Plus size={16} aria-hidden="true" /> {words.newSession}
            </Link>
          )}
        </div>
        <p className="muted">{words.lead}</p>
      </header>
      {!isAvailable && (
        <div className="notice warning" role="status">
          <div>
            <h2>{words.unavailable}</h2>
            <p>
              {words.unavailableText} {reason}
            </p>
          </div>
        </div>
      )}
      <Talk id={id} isAvailable={isAvailable} model={model ?? null} />
      <Sessions selected={id} />
    </div>
  );
}

function Talk({
  id,
  isAvailable,
  model,
}: {
  id: string | undefined;
  isAvailable: boolean;
  model: string | null;
}) {
  const [, navigate] = useLocation();
  const { running, error, unasked, start, stop } = useAsk(id, (sessionId) => {
    if (sessionId !== id) navigate(`/chat/${sessionId}`, { replace: true });
  });
  const end = useFollowed(running?.answer);
  const send = (query: string) => start(query, { query, ...(id ? { sessionId: id } : {}) });
  const retry = (turnId: string, query: string) => start(query, { retryTurnId: turnId });
  return (
    <div className="stack">
      <Turns
        id={id}
        running={running}
        onAsk={isAvailable && !running ? send : null}
        onRetry={isAvailable && !running ? retry : null}
      />
      <FailureNotice error={error} />
      {isAvailable && <Composer running={running} unasked={unasked} onSend={send} onStop={stop} />}
      {model && <p className="small muted">{words.model(model)}</p>}
      <div ref={end} />
    </div>
  );
}

function Composer({
  running,
  unasked,
  onSend,
  onStop,
}: {
  running: Running | null;
  /** A question that was sent and did not arrive: it is given back, unless another one is being written. */
  unasked: string | null;
  onSend: (query: string) => void;
  onStop: () => void;
}) {
  const [query, setQuery] = useState('');
  useEffect(() => {
    if (unasked !== null) setQuery((written) => written || unasked);
  }, [unasked]);
  const send = () => {
    if (query.trim() === '' || running) return;
    onSend(query.trim());
    setQuery('');
  };
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        className="input"
        aria-label={words.question}
        placeholder={words.placeholder}
        rows={2}
        maxLength={4000}
        value={query}
        onChange={(event) => setQuery(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
          event.preventDefault();
          send();
        }}
      />
      {running ? (
        <button type="button" className="button" onClick={onStop}>
          <Square size={16} aria-hidden="true" /> {words.stop}
        </button>
      ) : (
        <button type="submit" className="button primary" disabled={query.trim() === ''}>
          <SendHorizontal size={16} aria-hidden="true" /> {words.send}
        </button>
      )}
    </form>
  );
}

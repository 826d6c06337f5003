import { useQueryClient } from '@tanstack/react-query';
import { createClient } from 'graphql-sse';
import { useEffect, useRef, useState } from 'react';
import {
  ChatDocument,
  type ChatInput,
  type ChatSubscription,
  type TurnFragment,
} from '../../generated/web/operations.ts';
import { ApiError } from '../api/graphql.ts';

// Tried once: to ask again would be another question, which somebody may have to pay for.
const client = createClient({
  url: '/graphql',
  headers: { 'x-graphql-yoga-csrf': '1' },
  retryAttempts: 0,
});

/** What is being asked, as far as it came. */
export interface Running {
  query: string;
  turn: TurnFragment | null;
  context: TurnFragment['context'];
  answer: string;
}

/**
 * Asks one question at a time in the talk that is `open`; `onSession` hears which talk a question begins. Leaving the talk ends the
 * answer. `unasked` is a question that did not reach the server.
 */
export function useAsk(open: string | undefined, onSession: (sessionId: string) => void) {
  const queries = useQueryClient();
  const [running, setRunning] = useState<Running | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [unasked, setUnasked] = useState<string | null>(null);
  const stop = useRef<(() => void) | null>(null);
  const asked = useRef(open);
  useEffect(() => () => stop.current?.(), []);
  useEffect(() => {
    if (open === asked.current || !stop.current) return;
    stop.current();
    setRunning(null);
    // It was not for the talk that is open now.
    setUnasked(null);
  }, [open]);

  const end = (sessionId: string | undefined) => {
    stop.current = null;
    void (async () => {
      const queryKey = ['chat-session', sessionId];
      // Invalidating alone would wait for a first reading that began while the answer was awaited, and keep it.
      await queries.cancelQueries({ queryKey });
      await queries.invalidateQueries({ queryKey });
      await queries.invalidateQueries({ queryKey: ['chat-sessions'] });
      // Unless another question was asked meanwhile.
      if (!stop.current) setRunning(null);
    })();
  };

  const start = (query: string, input: ChatInput) => {
    setError(null);
    setUnasked(null);
    setRunning({ query, turn: null, context: [], answer: '' });
    let sessionId = open;
    asked.current = open;
    let over = false;
    let hasBegun = false;
    const finish = () => {
      if (over) return;
      over = true;
      // One that is asked again stands in its turn.
      if (!hasBegun && !input.retryTurnId) setUnasked(query);
      end(sessionId);
    };
    const dispose = client.subscribe<ChatSubscription>(
      { query: ChatDocument.toString(), variables: { input } },
      {
        next({ data, errors }) {
          const [failure] = errors ?? [];
          if (failure)
            setError(new ApiError(failure.message, String(failure.extensions?.code ?? 'INTERNAL')));
          const event = data?.chat;
          if (!event) return;
          if (event.__typename === 'ChatStarted') {
            hasBegun = true;
            sessionId = event.turn.session.id;
            asked.current = sessionId;
            onSession(sessionId);
          }
          setRunning((before) => before && apply(before, event));
        },
        error(failure) {
          setError(failure instanceof ApiError ? failure : new ApiError('', 'OFFLINE'));
          finish();
        },
        complete: finish,
      },
    );
    stop.current = () => {
      dispose();
      finish();
    };
  };
  return { running, error, unasked, start, stop: () => stop.current?.() };
}

function apply(running: Running, event: ChatSubscription['chat']): Running {
  switch (event.__typename) {
    case 'ChatStarted':
      return { ...running, turn: event.turn };
    case 'ChatContext':
      return { ...running, context: event.context };
    case 'ChatToken':
      return { ...running, answer: running.answer + event.text };
    case 'ChatDone':
    case 'ChatFailed':
      return { ...running, turn: event.turn };
    default:
      return running;
  }
}

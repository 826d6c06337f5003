import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import type { TypedDocumentString } from '../../generated/web/operations.ts';
import { ApiError, isAway } from './graphql.ts';
import { checkSession } from './session.ts';
import { overEvents, overSocket, type Result, type Transport } from './transports.ts';

/** Whether a stream tells what it has to. One that is lost is tried again by itself for as long as somebody looks. */
export type StreamState = 'connecting' | 'open' | 'lost' | 'over';

const FIRST_PAUSE_MS = 300;
const MAX_PAUSE_MS = 5_000;

interface Listener<T> {
  next(data: T): void;
  failed(error: ApiError): void;
  state(state: StreamState): void;
}

/**
 * Listens until the function that it answers is called, across lost connections: the server may be away for minutes, and a
 * laptop asleep for days. Where no WebSocket opens, each attempt goes on with events at once, so that a server which comes back
 * is met by WebSockets. An `endless` stream ends only when its server does, and begins anew.
 */
function listen<T, V extends Record<string, unknown>>(
  document: TypedDocumentString<T, V>,
  variables: V,
  endless: boolean,
  listener: Listener<T>,
): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let leave = () => {};
  let isStopped = false;
  let failures = 0;
  const begin = () => attempt(overSocket, () => attempt(overEvents, beginAgain));
  const beginAgain = () => {
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** failures, MAX_PAUSE_MS) * (0.5 + Math.random() / 2);
    failures += 1;
    timer = setTimeout(() => {
      listener.state('lost');
      begin();
    }, pauseMs);
  };
  const attempt = (transport: Transport, whenUnreached: () => void) => {
    let isReached = false;
    let isEnded = false;
    let refusal: ApiError | null = null;
    leave = transport(
      { query: document.toString(), variables },
      {
        opened() {
          isReached = true;
          if (!isStopped && !isEnded) listener.state('open');
        },
        next(result) {
          if (isStopped) return;
          refusal = refusalIn(result);
          if (refusal) listener.failed(refusal);
          if (!result.data) return;
          // Not before: a server may be reached and have nothing to give.
          failures = 0;
          listener.next(result.data as T);
        },
        over() {
          isEnded = true;
          if (isStopped) return;
          if (refusal && isPassing(refusal)) return beginAgain();
          if (!endless) return listener.state('over');
          listener.state('lost');
          timer = setTimeout(begin, MAX_PAUSE_MS / 2);
        },
        lost() {
          isEnded = true;
          if (!isStopped) (isReached ? beginAgain : whenUnreached)();
        },
      },
    );
  };
  begin();
  return () => {
    isStopped = true;
    clearTimeout(timer);
    leave();
  };
}

function refusalIn({ errors: [failure] = [] }: Result): ApiError | null {
  return failure ? new ApiError(failure.message, String(failure.extensions?.code ?? 'INTERNAL')) : null;
}

const isPassing = (refusal: ApiError) => isAway(refusal) || refusal.code === 'TOO_MANY_REQUESTS';

/**
 * Listens while the component is there; `variables` null means not now. `onData` may change from one rendering to the next
 * without the stream beginning anew.
 */
export function useSubscription<T, V extends Record<string, unknown>>(
  document: TypedDocumentString<T, V>,
  variables: V | null,
  onData: (data: T) => void,
  { endless = false } = {},
): { state: StreamState; error: ApiError | null } {
  const [state, setState] = useState<StreamState>('connecting');
  const [error, setError] = useState<ApiError | null>(null);
  const latest = useRef(onData);
  latest.current = onData;
  const queries = useQueryClient();
  const key = variables && JSON.stringify(variables);
  useEffect(() => {
    if (key === null) return;
    setError(null);
    setState('connecting');
    return listen(document, JSON.parse(key) as V, endless, {
      next: (data) => latest.current(data),
      failed(failure) {
        setError(failure);
        checkSession(queries, failure);
      },
      state(next) {
        if (next === 'open') setError(null);
        setState(next);
      },
    });
  }, [document, key, endless, queries]);
  return { state, error };
}

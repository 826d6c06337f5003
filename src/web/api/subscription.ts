import { useQueryClient } from '@tanstack/react-query';
import { createClient } from 'graphql-sse';
import { useEffect, useRef, useState } from 'react';
import type { TypedDocumentString } from '../../generated/web/operations.ts';
import { ApiError } from './graphql.ts';
import { checkSession } from './session.ts';
import { fetchUnlessSilent } from './silence.ts';

/** Whether a stream tells what it has to. One that is lost is tried again by itself for as long as somebody looks. */
export type StreamState = 'connecting' | 'open' | 'lost' | 'over';

const MAX_PAUSE_MS = 5_000;

const client = createClient({
  url: '/graphql',
  headers: { 'x-graphql-yoga-csrf': '1' },
  fetchFn: fetchUnlessSilent,
  // The server may be away for minutes, and a laptop asleep for days.
  retryAttempts: Number.POSITIVE_INFINITY,
  retry: (attempt) =>
    new Promise((resolve) =>
      setTimeout(resolve, Math.min(300 * 2 ** attempt, MAX_PAUSE_MS) * (0.5 + Math.random() / 2)),
    ),
});

interface Listener<T> {
  next(data: T): void;
  failed(error: ApiError): void;
  state(state: StreamState): void;
}

/**
 * Listens until the function that it answers is called, across lost connections. An `endless` stream ends only when its
 * server does, and begins anew.
 */
function listen<T, V extends Record<string, unknown>>(
  document: TypedDocumentString<T, V>,
  variables: V,
  endless: boolean,
  listener: Listener<T>,
): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stop = () => {};
  const begin = () => {
    stop = subscribe(document, variables, {
      ...listener,
      state(state) {
        if (state !== 'over' || !endless) return listener.state(state);
        listener.state('lost');
        timer = setTimeout(begin, MAX_PAUSE_MS / 2);
      },
    });
  };
  begin();
  return () => {
    clearTimeout(timer);
    stop();
  };
}

function subscribe<T, V extends Record<string, unknown>>(
  document: TypedDocumentString<T, V>,
  variables: V,
  listener: Listener<T>,
): () => void {
  return client.subscribe<T>(
    { query: document.toString(), variables },
    {
      next({ data, errors }) {
        const [failure] = errors ?? [];
        if (failure)
          listener.failed(new ApiError(failure.message, String(failure.extensions?.code ?? 'INTERNAL')));
        if (data) listener.next(data);
      },
      error(error) {
        listener.failed(error instanceof ApiError ? error : new ApiError('', 'OFFLINE'));
      },
      complete: () => listener.state('over'),
    },
    {
      connecting: (again) => again && listener.state('lost'),
      connected: () => listener.state('open'),
    },
  );
}

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

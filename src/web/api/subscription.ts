import { createClient } from 'graphql-sse';
import { useEffect, useRef, useState } from 'react';
import type { TypedDocumentString } from '../../generated/web/operations.ts';
import { ApiError } from './graphql.ts';

/** Whether a stream tells what it has to: it is tried again by itself for as long as somebody looks. */
export type StreamState = 'connecting' | 'open' | 'over';

const MAX_PAUSE_MS = 5_000;

const client = createClient({
  url: '/graphql',
  headers: { 'x-graphql-yoga-csrf': '1' },
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
        listener.state('connecting');
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
  listener.state('connecting');
  return client.subscribe<T>(
    { query: document.toString(), variables },
    {
      next({ data, errors }) {
        const [failure] = errors ?? [];
        if (failure)
          listener.failed(new ApiError(failure.message, String(failure.extensions?.code ?? 'INTERNAL')));
        listener.state('open');
        if (data) listener.next(data);
      },
      error(error) {
        listener.failed(error instanceof ApiError ? error : new ApiError('', 'OFFLINE'));
      },
      complete: () => listener.state('over'),
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
  const key = variables && JSON.stringify(variables);
  useEffect(() => {
    if (key === null) return;
    setError(null);
    return listen(document, JSON.parse(key) as V, endless, {
      next: (data) => latest.current(data),
      failed: setError,
      state: setState,
    });
  }, [document, key, endless]);
  return { state, error };
}

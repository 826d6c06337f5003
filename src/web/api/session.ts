import { type QueryClient, useQuery } from '@tanstack/react-query';
import { ViewerDocument, type ViewerQuery } from '../../generated/web/operations.ts';
import { ApiError, ask } from './graphql.ts';

const KEY = ['session'];

/** Who is signed in, and how one can. */
export function useSession() {
  return useQuery({
    queryKey: KEY,
    queryFn: async ({ signal, client }) => {
      const before = client.getQueryData<ViewerQuery>(KEY);
      const session = await ask(ViewerDocument, {}, signal);
      // Nothing that was read for one person may be shown to the next.
      if (before && before.viewer?.id !== session.viewer?.id)
        client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== KEY[0] });
      return session;
    },
    staleTime: 60_000,
  });
}

/** Exchanges a key for a session. Throws an ApiError when the key is wrong. */
export async function signInWithKey(apiKey: string): Promise<void> {
  let response: Response;
  try {
    response = await fetch('/auth/key', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ api_key: apiKey }),
    });
  } catch {
    throw new ApiError('', 'OFFLINE');
  }
  if (response.ok) return;
  const { detail } = (await response.json().catch(() => ({}))) as { detail?: unknown };
  throw new ApiError(
    typeof detail === 'string' ? detail : '',
    codeOf(response.status),
    response.headers.get('X-Request-Id'),
  );
}

function codeOf(status: number): string {
  if (status === 401) return 'NOT_SIGNED_IN';
  if (status === 429) return 'TOO_MANY_REQUESTS';
  return status >= 502 ? 'OFFLINE' : 'INTERNAL';
}

/** After a failure: looks who is signed in when it was that nobody is, so that the way in is shown. */
export function checkSession(queries: QueryClient, failure: unknown): void {
  if (failure instanceof ApiError && failure.code === 'NOT_SIGNED_IN') {
    void queries.invalidateQueries({ queryKey: KEY });
  }
}

/** Ends the session here and on the server. The page begins anew, so that nothing stays of what was loaded. */
export async function signOut(): Promise<void> {
  const response = await fetch('/auth/logout', { method: 'POST' }).catch(() => null);
  if (!response) throw new ApiError('', 'OFFLINE');
  // 401: another tab was faster.
  if (!response.ok && response.status !== 401)
    throw new ApiError('', 'INTERNAL', response.headers.get('X-Request-Id'));
  location.assign('/');
}

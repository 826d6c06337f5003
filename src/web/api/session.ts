import { type QueryClient, useQuery } from '@tanstack/react-query';
import { ViewerDocument } from '../../generated/web/operations.ts';
import { ApiError, ask } from './graphql.ts';

/** Who is signed in, and how one can. */
export function useSession() {
  return useQuery({
    queryKey: ['session'],
    queryFn: ({ signal }) => ask(ViewerDocument, {}, signal),
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
    response.status === 401 ? 'NOT_SIGNED_IN' : 'INTERNAL',
  );
}

/** After a failure: looks who is signed in when it was that nobody is, so that the way in is shown. */
export function checkSession(queries: QueryClient, failure: unknown): void {
  if (failure instanceof ApiError && failure.code === 'NOT_SIGNED_IN') {
    void queries.invalidateQueries({ queryKey: ['session'] });
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

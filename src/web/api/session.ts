import { useQuery, useQueryClient } from '@tanstack/react-query';
import { SignOutDocument, ViewerDocument } from '../../generated/web/operations.ts';
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

/** Ends the session here and on the server, and forgets everything that was loaded with it. */
export function useSignOut(): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    await ask(SignOutDocument, {});
    queries.clear();
    await queries.invalidateQueries();
  };
}

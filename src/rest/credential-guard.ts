import type { ServerResponse } from 'node:http';
import type { CredentialWatch } from '../domain/credential.ts';
import { NotSignedInError } from '../domain/errors.ts';
import type { Viewer } from '../domain/viewer.ts';

/** Nearly all requests are over by then, and need no look at the database. */
const UNWATCHED_MS = 1_000;

/** Calls `ended` when the viewer's key or session comes to count no more before the answer is complete. */
export function watchWhileOpen(
  credentials: CredentialWatch,
  viewer: Viewer | null,
  response: ServerResponse,
  ended: () => void,
): void {
  if (!viewer || response.closed) return;
  let unwatch = () => {};
  const timer = setTimeout(() => {
    unwatch = credentials.watch(viewer, ended);
  }, UNWATCHED_MS);
  response.once('close', () => {
    clearTimeout(timer);
    unwatch();
  });
}

/** A body as it comes. Throws the signal's NotSignedInError in place of what comes after it. */
export async function* untilSignedOut(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const check = () => {
    if (signal.reason instanceof NotSignedInError) throw signal.reason;
  };
  for await (const chunk of chunks) {
    check();
    yield chunk;
  }
  check();
}

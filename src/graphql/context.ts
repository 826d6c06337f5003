import type { Services } from '../domain/services.ts';
import type { Viewer } from '../domain/viewer.ts';

/** With Google, or with the server’s key or one that was made with it. */
export type SignInMethod = 'GOOGLE' | 'API_KEY';

export interface GraphQLContext {
  services: Services;
  viewer: Viewer | null;
  requestId: string;
  /** Aborts when the client of an HTTP request is gone, and on a WebSocket when the socket closes. */
  signal: AbortSignal;
  /** Closes the connection of a viewer whose credential counts no more. */
  endConnection(): void;
  /** How people sign in to this server. */
  signInMethods: SignInMethod[];
}

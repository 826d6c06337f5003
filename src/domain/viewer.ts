import { NotAllowedError, NotSignedInError } from './errors.ts';

export type Scope = 'read' | 'write' | 'admin';

/** What proved who a viewer is. */
export type Credential =
  | { kind: 'owner-key' }
  | { kind: 'api-key'; id: string }
  | { kind: 'session'; id: string };

/** From where a request came, for the audit trail and the list of sessions. */
export interface Origin {
  address: string | null;
  userAgent: string | null;
}

/** Who asks. Edges make it; every domain function that touches a user's rows takes it. */
export interface Viewer {
  userId: string;
  scopes: ReadonlySet<Scope>;
  /** Null for what the server does by itself. */
  credential: Credential | null;
  origin: Origin;
}

/** What a request shows of who sends it, as it came. */
export interface Credentials {
  /** Of the X-API-Key header. */
  apiKey: string | undefined;
  /** The whole Cookie header. */
  cookie: string | undefined;
  origin: Origin;
}

/** Finds out who asks; null when nothing is shown, or nothing that counts. */
export type Authenticate = (shown: Credentials) => Promise<Viewer | null>;

export const nowhere: Origin = { address: null, userAgent: null };

/** Narrows to a viewer who may do this. Throws NotSignedInError or NotAllowedError. */
export function requireScope(viewer: Viewer | null, scope: Scope): asserts viewer is Viewer {
  if (!viewer) throw new NotSignedInError();
  if (!viewer.scopes.has(scope)) throw new NotAllowedError(`This needs the scope "${scope}".`);
}

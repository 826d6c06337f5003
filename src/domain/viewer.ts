import { NotAllowedError, NotSignedInError } from './errors.ts';

export type Scope = 'read' | 'write' | 'admin';

/** Who asks. Edges make it; every domain function that touches a user's rows takes it. */
export interface Viewer {
  userId: string;
  scopes: ReadonlySet<Scope>;
}

/** Maps the API key of a request to who asks; null for no key or a wrong one. */
export type Authenticate = (apiKey: string | undefined) => Viewer | null;

/** Narrows to a viewer who may do this. Throws NotSignedInError or NotAllowedError. */
export function requireScope(viewer: Viewer | null, scope: Scope): asserts viewer is Viewer {
  if (!viewer) throw new NotSignedInError();
  if (!viewer.scopes.has(scope)) throw new NotAllowedError(`This needs the scope "${scope}".`);
}

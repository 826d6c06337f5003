import { hash, timingSafeEqual } from 'node:crypto';
import type { Authenticate, Viewer } from '../domain/viewer.ts';

/** Knows the server's own key only; it stands for the owner. Compares in constant time whatever the lengths. */
export function authenticateOwner(ownerKey: string, owner: Viewer): Authenticate {
  if (ownerKey === '') throw new Error('An empty API key would let everybody in.');
  const expected = digest(ownerKey);
  return async ({ apiKey, origin }) => {
    if (apiKey === undefined) return null;
    if (!timingSafeEqual(digest(apiKey), expected)) return null;
    return { ...owner, credential: { kind: 'owner-key' }, origin };
  };
}

const digest = (value: string) => hash('sha256', value, 'buffer');

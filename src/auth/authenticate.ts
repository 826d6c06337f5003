import { createOwnerKeyNotes, findApiKey } from '../domain/api-key.ts';
import type { Services } from '../domain/services.ts';
import { findSession } from '../domain/session.ts';
import type { Authenticate } from '../domain/viewer.ts';
import type { SessionCookie } from './session-cookie.ts';
import { limitGuesses } from './wrong-keys.ts';

/**
 * Who asks, by the key or the cookie of a request: the owner's key, a user's key, or a session. A key that is shown
 * decides alone, so that a wrong one is never made good by a cookie. Throws a TooManyRequestsError for an address that has
 * guessed too many.
 */
export function createAuthenticate(
  services: Services,
  authenticateOwner: Authenticate,
  cookie: SessionCookie,
): Authenticate {
  const noteUse = createOwnerKeyNotes(services);
  return async (shown) => {
    // GraphiQL sends the header empty until somebody fills it in: that shows nothing.
    if (shown.apiKey) {
      const known = await limitGuesses(services.limits, shown.origin, async () => {
        const owner = await authenticateOwner(shown);
        if (owner) noteUse(owner);
        return owner ?? findApiKey(services, shown);
      });
      return known === 'ended' ? null : known;
    }
    const secret = cookie.read(shown.cookie);
    return secret ? findSession(services, secret, shown.origin) : null;
  };
}

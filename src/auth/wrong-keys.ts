import type { Limits } from '../domain/limits.ts';
import type { Authenticate } from '../domain/viewer.ts';

/**
 * Bounds how many API keys an address may try. Once it has tried too many, its keys are not even looked at for a while:
 * throws a TooManyRequestsError. A key that is right costs nothing and asks no store.
 */
export function limitWrongKeys(authenticate: Authenticate, limits: Limits): Authenticate {
  return async (shown) => {
    // GraphiQL sends an empty one: nothing was guessed.
    if (!shown.apiKey) return authenticate(shown);
    limits.check('wrongKey', shown.origin);
    const viewer = await authenticate(shown);
    if (!viewer) await limits.spend('wrongKey', shown.origin);
    return viewer;
  };
}

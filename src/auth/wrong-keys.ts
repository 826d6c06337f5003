import type { Limits } from '../domain/limits.ts';
import type { Origin } from '../domain/viewer.ts';

/**
 * Bounds how many API keys an address may guess: `look` answers null for one that nobody has. Once it has tried too many,
 * its keys are not even looked at for a while: throws a TooManyRequestsError. A key that is known costs nothing and asks no
 * store.
 */
export async function limitGuesses<Known>(
  limits: Limits,
  origin: Origin,
  look: () => Promise<Known | null>,
): Promise<Known | null> {
  limits.check('wrongKey', origin);
  const known = await look();
  if (known === null) await limits.spend('wrongKey', origin);
  return known;
}

import { setTimeout as delay } from 'node:timers/promises';

const usualPatienceMs = 30_000;
const shortestPauseMs = 20;
const longestPauseMs = 100;

/**
 * Looks again and again until `look` answers something true, and answers that. Throws an Error that names `what` and
 * shows the last answer when it never comes. What takes long is looked at less often: most looks ask a server, and all that
 * wait would keep the processor from what they wait for.
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  patienceMs = usualPatienceMs,
): Promise<NonNullable<T>> {
  const beganMs = performance.now();
  for (;;) {
    const answer = await look();
    if (answer) return answer;
    const waitedMs = performance.now() - beganMs;
    if (waitedMs > patienceMs) {
      throw new Error(`Waited in vain until ${what}; the last answer was ${JSON.stringify(answer)}`);
    }
    await delay(Math.min(Math.max(shortestPauseMs, waitedMs / 10), longestPauseMs));
  }
}

import { setTimeout as delay } from 'node:timers/promises';

const usualPatienceMs = 30_000;
const pauseMs = 20;

/**
 * Looks again and again until `look` answers something true, and answers that. Throws an Error that names `what` and
 * shows the last answer when it never comes.
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  patienceMs = usualPatienceMs,
): Promise<NonNullable<T>> {
  const deadlineMs = performance.now() + patienceMs;
  for (;;) {
    const answer = await look();
    if (answer) return answer;
    if (performance.now() > deadlineMs) {
      throw new Error(`Waited in vain until ${what}; the last answer was ${JSON.stringify(answer)}`);
    }
    await delay(pauseMs);
  }
}

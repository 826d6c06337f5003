import { DomainError } from './errors.ts';
import type { Services } from './services.ts';

/** A check that takes longer than a prober waits has failed. */
const CHECK_TIMEOUT_MS = 3_000;

/** What does not answer, and why, in words that anybody may read; empty when all is well. */
export async function checkReadiness(services: Services): Promise<Record<string, string>> {
  const checks = {
    database: () => services.database.ping(),
    queue: () => services.queue.ping(),
  };
  const failures: Record<string, string> = {};
  await Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      try {
        await withinTime(check());
      } catch (error) {
        services.logger.warn({ error, check: name }, 'not ready');
        failures[name] = error instanceof DomainError ? error.message : 'does not answer';
      }
    }),
  );
  return failures;
}

async function withinTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('took too long')), CHECK_TIMEOUT_MS);
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

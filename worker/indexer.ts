import { countPending, indexSomePending, tidyIndex } from '../src/domain/search-index.ts';
import type { Services } from '../src/domain/services.ts';
import type { Reporter } from './reporter.ts';

/** While one waits for a thread, another is in PostgreSQL. */
const LANES = 2;
/** While rows are still being written the index only keeps up with the newest, so that reading is not held back. */
const BACKGROUND_PAUSE_MS = 2_000;
/** Before the first rows are there: they are to be found at once. */
const NOTHING_YET_PAUSE_MS = 200;
const BACKGROUND_MESSAGES = 300;

/** Indexes what waits until nothing does. */
export async function indexEverything(
  services: Services,
  userId: string,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<void> {
  const { pending } = await countPending(services, userId);
  let indexed = 0;
  const lane = async () => {
    for (;;) {
      signal.throwIfAborted();
      const some = await indexSomePending(services, userId);
      if (some === 0) return;
      indexed += some;
      reporter.share(indexed, Math.max(pending, indexed));
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  await tidyIndex(services);
}

/** Indexes what a task left that was stopped, as far as this worker lives. */
export async function indexLeftovers(
  services: Services,
  userId: string,
  shutdown: AbortSignal,
): Promise<void> {
  try {
    while (!shutdown.aborted && (await indexSomePending(services, userId)) > 0);
  } catch (error) {
    services.logger.warn({ error }, 'what a stopped task left is indexed by the next one');
  }
}

/** Makes some of what was just written searchable, again and again, until it is told to stop. */
export function indexInBackground(services: Services, userId: string): { stop(): Promise<void> } {
  let stopped = false;
  let wake = () => {};
  const work = (async () => {
    while (!stopped) {
      const background = { maxMessages: BACKGROUND_MESSAGES, urgent: true };
      const some = await indexSomePending(services, userId, background).catch((error) => {
        services.logger.warn({ error }, 'indexing in the background failed; the last phase makes up for it');
        return 1;
      });
      if (stopped) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, some > 0 ? BACKGROUND_PAUSE_MS : NOTHING_YET_PAUSE_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  })();
  return {
    async stop() {
      stopped = true;
      wake();
      await work;
    },
  };
}

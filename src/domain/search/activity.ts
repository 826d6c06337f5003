import type { Events, Services } from '../services.ts';

/** Of one process; who searches goes on for a while. */
const ANNOUNCE_EVERY_MS = 1_000;
/** Longer than that, so that an announcement may be late. */
const LASTS_MS = 2_500;
const EVERYBODY = 'all';

/** When a process said so last. */
const announced = new WeakMap<Events, number>();

/** Tells the workers that somebody waits for a search; nothing hangs on whether they hear of it. */
export function announceSearch({ events, logger }: Services): void {
  const now = performance.now();
  if (now - (announced.get(events) ?? -ANNOUNCE_EVERY_MS) < ANNOUNCE_EVERY_MS) return;
  announced.set(events, now);
  events.publish('searching', EVERYBODY, {}).catch((error) => {
    logger.warn({ error }, 'the workers do not hear that somebody searches');
  });
}

/** Whether anybody searches, through whichever process, or did until a moment ago. */
export interface SearchWatch {
  isAnybodySearching(): boolean;
  /** Resolves when it listens; until then, and when it never does, nobody seems to search. */
  listening: Promise<void>;
  close(): Promise<void>;
}

export function watchSearches({ events, logger }: Services): SearchWatch {
  let heardAt = -Infinity;
  const listening = events
    .listen('searching', EVERYBODY, () => {
      heardAt = performance.now();
    })
    .catch((error) => {
      logger.warn({ error }, 'an import does not hear whether anybody searches');
    });
  return {
    isAnybodySearching: () => performance.now() - heardAt < LASTS_MS,
    listening: listening.then(() => undefined),
    async close() {
      const unlisten = await listening;
      await unlisten?.();
    },
  };
}

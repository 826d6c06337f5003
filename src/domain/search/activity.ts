import { availableParallelism } from 'node:os';
import type { Events, Services } from '../services.ts';

/** Of one process; who searches goes on for a while. */
const ANNOUNCE_EVERY_MS = 1_000;
/** Longer than that, so that an announcement may be late. */
const LASTS_MS = 2_500;
/** Of all databases, too, that share a Redis: more than they need stand back then, for a moment. */
const EVERYBODY = 'all';
/** An import takes two, and PostgreSQL as many. */
const FEW_CORES = 4;

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

/** Hears whether anybody searches, through whichever process. */
export interface SearchWatch {
  /** Somebody searches, or did until a moment ago. */
  areSearching(): boolean;
  /** So it is, and there are too few cores for them and for work that nobody waits for. */
  needsRoom(): boolean;
  /** Resolves when it listens; until then, and when it never does, no room is needed. */
  listening: Promise<void>;
  /** Waits for nothing: what carries events may be away. */
  close(): void;
}

export function watchSearches({ events, logger }: Services, cores = availableParallelism()): SearchWatch {
  let heardAt = -Infinity;
  const listening = events
    .listen('searching', EVERYBODY, (event) => {
      if (event) heardAt = performance.now();
    })
    .catch((error) => {
      logger.warn({ error }, 'an import does not hear whether anybody searches');
    });
  const areSearching = () => performance.now() - heardAt < LASTS_MS;
  return {
    areSearching,
    needsRoom: () => cores <= FEW_CORES && areSearching(),
    listening: listening.then(() => undefined),
    close() {
      listening
        .then((unlisten) => unlisten?.())
        .catch((error) => logger.warn({ error }, 'an import that is over still hears who searches'));
    },
  };
}

import { setTimeout as delay } from 'node:timers/promises';
import type { NewRows } from '../src/domain/import/rows.ts';
import type { SearchWatch } from '../src/domain/search/activity.ts';
import { countPending, indexNew, indexSomePending, tidyIndex } from '../src/domain/search-index.ts';
import type { Services } from '../src/domain/services.ts';
import { keepRows } from './kept-rows.ts';
import type { Reporter } from './reporter.ts';

/** While one waits for a thread, another is in PostgreSQL. A third would win a twentieth, and searches would wait longer. */
const LANES = 2;
/** While a search needs room. */
const LANES_BESIDE_SEARCHES = 1;
/** How often a lane that stands back looks whether it is still to. */
const LOOK_MS = 250;
/** While rows are still being written only a little is indexed now and then, so that writing is not held back. */
const BACKGROUND_PAUSE_MS = 2_000;
const BACKGROUND_MESSAGES = 300;

/** Fills the search index with what a sync writes. */
export interface Indexer {
  /** Takes what a batch sent to the database; when it can be kept nowhere, `finish` reads it again. */
  add(rows: NewRows): Promise<void>;
  /** Indexes what was added, and all else that waits. */
  finish(reporter: Pick<Reporter, 'share'>, signal: AbortSignal): Promise<void>;
  /** Leaves to others what is not indexed; waits for what has begun. */
  stop(): Promise<void>;
}

/**
 * Indexes the first that is added at once and then a little every two seconds, so that writing is not held up and what is
 * written is found by and by; the rest with `finish`, as fast as it goes. For a moment there is a file at `keptRowsPath`.
 */
export function openIndexer(
  services: Services,
  userId: string,
  keptRowsPath: string,
  searches: SearchWatch,
): Indexer {
  const waiting = keepRows(keptRowsPath);
  const lanes = new Set<Promise<void>>();
  const maxLanes = () => (searches.needsRoom() ? LANES_BESIDE_SEARCHES : LANES);
  let isDue = true;
  let isFinishing = false;
  let isStopped = false;
  /** The disk takes no more, and others need what there is. */
  let isFull = false;
  let indexed = 0;
  let moved = Promise.withResolvers<void>();
  let onIndexed = () => {};

  const start = (work: () => Promise<number>) => {
    const lane = work()
      .then(
        (count) => {
          indexed += count;
        },
        (error) =>
          services.logger.warn({ error }, 'indexing failed; the end of the last phase makes up for it'),
      )
      .then(() => {
        lanes.delete(lane);
        moved.resolve();
        moved = Promise.withResolvers<void>();
        onIndexed();
        startLanes();
      });
    lanes.add(lane);
  };
  function startLanes(): void {
    const mayStart = () => (isFinishing ? lanes.size < maxLanes() : isDue && lanes.size === 0);
    while (!isStopped && !waiting.isEmpty() && mayStart()) {
      isDue = false;
      start(indexKept);
    }
  }
  async function indexKept(): Promise<number> {
    // In the last phase others' conversations are read in turn, of those who wait for their first.
    const urgent = !isFinishing;
    const rows = await waiting.shift();
    return rows ? indexNew(services, userId, rows, { urgent, sortsLate: !searches.areSearching() }) : 0;
  }
  const timer = setInterval(() => {
    isDue = true;
    if (!waiting.isEmpty()) startLanes();
    // What was not new: conversations that have grown.
    else if (!isStopped && lanes.size === 0) {
      const sortsLate = !searches.areSearching();
      start(() =>
        indexSomePending(services, userId, { maxMessages: BACKGROUND_MESSAGES, urgent: true, sortsLate }),
      );
    }
  }, BACKGROUND_PAUSE_MS);

  return {
    async add(rows) {
      if (isStopped || isFull) return;
      try {
        await waiting.push(rows);
      } catch (error) {
        isFull = true;
        services.logger.warn({ error }, 'new rows could not be kept; they are read again to be indexed');
        await waiting.forgetFile();
      }
      startLanes();
    },
    async finish(reporter, signal) {
      clearInterval(timer);
      const { pending } = await countPending(services, userId);
      const before = indexed;
      const report = () => reporter.share(indexed - before, Math.max(pending, indexed - before));
      onIndexed = report;
      isFinishing = true;
      startLanes();
      while (lanes.size > 0) {
        await moved.promise;
        signal.throwIfAborted();
      }
      let left = LANES;
      let hasFailed = false;
      const lane = async (number: number) => {
        try {
          while (!hasFailed) {
            signal.throwIfAborted();
            if (number >= maxLanes() && left > 1) await delay(LOOK_MS);
            else {
              const some = await indexSomePending(services, userId, { sortsLate: !searches.areSearching() });
              if (some === 0) return;
              indexed += some;
              report();
            }
          }
        } catch (error) {
          hasFailed = true;
          throw error;
        } finally {
          left -= 1;
        }
      };
      await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
    },
    async stop() {
      isStopped = true;
      clearInterval(timer);
      moved.resolve();
      await Promise.all(lanes);
      await waiting.close();
    },
  };
}

/**
 * Indexes what a task left that was stopped, as far as this worker lives, and tidies the index: all of it is found already, and
 * nobody is to wait for that.
 */
export async function indexLeftovers(
  services: Services,
  userId: string,
  shutdown: AbortSignal,
): Promise<void> {
  try {
    while (!shutdown.aborted && (await indexSomePending(services, userId)) > 0);
    if (!shutdown.aborted) await tidyIndex(services);
  } catch (error) {
    services.logger.warn({ error }, 'what a stopped task left is indexed by the next one');
  }
}

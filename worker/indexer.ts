import type { NewRows } from '../src/domain/import/rows.ts';
import { countPending, indexNew, indexSomePending, tidyIndex } from '../src/domain/search-index.ts';
import type { Services } from '../src/domain/services.ts';
import type { Reporter } from './reporter.ts';

/** While one waits for a thread, another is in PostgreSQL, and a third keeps the thread from waiting for both. */
const LANES = 3;
/** While rows are still being written the index only keeps up with the newest, so that writing is not held back. */
const BACKGROUND_PAUSE_MS = 2_000;
const BACKGROUND_MESSAGES = 300;
/** What is kept in memory to be indexed at once: the rows of some 12 MB of an export. What is more is read again, which is cheap. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024;

/** Fills the search index with what a sync writes. */
export interface Indexer {
  /** Takes what a batch sent to the database; what there is no room for is read again by `finish`. */
  add(rows: NewRows): void;
  /** Indexes what was added, and all else that waits. */
  finish(reporter: Reporter, signal: AbortSignal): Promise<void>;
  /** Leaves to others what is not indexed; waits for what has begun. */
  stop(): Promise<void>;
}

/**
 * Indexes the first that is added at once and then a little every two seconds, so that writing is not held up and what is
 * written is found by and by; the rest with `finish`, as fast as it goes.
 */
export function openIndexer(services: Services, userId: string): Indexer {
  const waiting: NewRows[] = [];
  const lanes = new Set<Promise<void>>();
  let keptBytes = 0;
  let isDue = true;
  let isFinishing = false;
  let isStopped = false;
  let indexed = 0;
  let moved = Promise.withResolvers<void>();
  let onIndexed = () => {};

  const start = (work: () => Promise<number>, bytes: number) => {
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
        keptBytes -= bytes;
        moved.resolve();
        moved = Promise.withResolvers<void>();
        onIndexed();
        startLanes();
      });
    lanes.add(lane);
  };
  function startLanes(): void {
    const mayStart = () => (isFinishing ? lanes.size < LANES : isDue && lanes.size === 0);
    while (!isStopped && mayStart()) {
      const rows = waiting.shift();
      if (!rows) return;
      isDue = false;
      start(() => indexNew(services, userId, rows), rows.bytes);
    }
  }
  const timer = setInterval(() => {
    isDue = true;
    if (waiting.length > 0) startLanes();
    // What was not new: conversations that have grown.
    else if (!isStopped && lanes.size === 0) {
      start(() => indexSomePending(services, userId, { maxMessages: BACKGROUND_MESSAGES, urgent: true }), 0);
    }
  }, BACKGROUND_PAUSE_MS);

  return {
    add(rows) {
      if (keptBytes + rows.bytes > MAX_KEPT_BYTES) return;
      waiting.push(rows);
      keptBytes += rows.bytes;
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
      const lane = async () => {
        for (;;) {
          signal.throwIfAborted();
          const some = await indexSomePending(services, userId);
          if (some === 0) return;
          indexed += some;
          report();
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
    },
    async stop() {
      isStopped = true;
      clearInterval(timer);
      waiting.length = 0;
      moved.resolve();
      await Promise.all(lanes);
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

import { getCompileCacheDir } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Piscina, type PiscinaTask, queueOptionsSymbol } from 'piscina';
import { OutOfMemoryError, type RawConversations } from '../domain/import/prepare.ts';
import type { NewMessages, UnindexedMessages } from '../domain/import/terms.ts';
import type { Threads } from '../domain/services.ts';
import { urgentFirst } from './urgent-first.ts';

/** More would wait for the database. */
const MAX_THREADS = 2;
const IDLE_MS = 2_000;
/**
 * More than the worst conversation takes that src/archive/slices.ts lets through: where JSON.parse itself meets the limit,
 * V8 ends the whole process. A usual conversation takes a few megabytes.
 */
const MAX_HEAP_MIB = 2_048;
/** Larger ones keep more garbage resident, smaller ones copy more. */
const YOUNG_HEAP_MIB = 6;

/** How Piscina, which tells queues less of it, ends a task. */
type WaitingTask = PiscinaTask & { done(error: Error): void };

/**
 * A pool of threads that begin with the first work and end when there is none. `close` waits for what runs. Beside
 * `scratchPath` there are files for moments.
 */
export function openThreads(scratchPath: string): Threads & { close(): Promise<void> } {
  // Below the folder that was asked for there is one for each version of Node.
  const cache = getCompileCacheDir();
  const waiting = urgentFirst();
  const pool = new Piscina({
    filename: fileURLToPath(new URL('./threads/thread.ts', import.meta.url)),
    taskQueue: waiting,
    minThreads: 0,
    maxThreads: Math.max(1, Math.min(MAX_THREADS, availableParallelism() - 1)),
    idleTimeout: IDLE_MS,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB, maxYoungGenerationSizeMb: YOUNG_HEAP_MIB },
    // The environment holds secrets, and nothing that a thread does depends on it.
    env: cache ? { NODE_COMPILE_CACHE: dirname(cache) } : {},
  });
  // A thread that could not begin, as when too many files are open, had no work yet: what waits would wait for the next work.
  pool.on('error', (error) => {
    if (pool.threads.length > 0) return;
    for (let task = waiting.shift(); task; task = waiting.shift()) (task as WaitingTask).done(error);
  });
  async function run(name: string, task: object, transferList: ArrayBuffer[]) {
    try {
      return await pool.run(task, { name, transferList });
    } catch (error) {
      if ((error as { code?: string } | null)?.code === 'ERR_WORKER_OUT_OF_MEMORY') {
        throw new OutOfMemoryError({ cause: error });
      }
      throw error;
    }
  }
  return {
    warm() {
      if (pool.threads.length > 0) return;
      // The first work meets what goes wrong.
      pool.run({}, { name: 'warm' }).catch(() => undefined);
    },
    prepare: (conversations: RawConversations) =>
      run('prepare', { ...conversations, scratchPath }, [conversations.bytes.buffer]),
    analyze: ({ copied, urgent }: UnindexedMessages) =>
      run('analyze', { copied, [queueOptionsSymbol]: { urgent } }, [copied.buffer]),
    analyzeSent: ({ conversations, messages, urgent }: NewMessages) =>
      run(
        'analyzeSent',
        { conversations, messages, [queueOptionsSymbol]: { urgent } },
        [...conversations, ...messages].map((piece) => piece.buffer),
      ),
    close: () => pool.close({ force: true }),
  };
}

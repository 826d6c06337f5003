import { Repeater, SlidingBuffer } from '@repeaterjs/repeater';
import type { Watch } from '../domain/sync/watch.ts';
import type { SyncTask } from '../generated/prisma/client.ts';

/**
 * A watch as the source of a subscription. A slow client is owed the newest states only, so at most `keep` wait for
 * it. A Repeater, because a generator that waits cannot be ended from outside and would leak its listener.
 */
export function streamOf(watch: (watch: Watch) => Promise<void>, keep: number): AsyncIterable<SyncTask> {
  return new Repeater<SyncTask>(async (push, stop) => {
    await watch({
      push: (task) => void push(task),
      end: (error) => stop(error),
      stopped: stop,
    });
  }, new SlidingBuffer(keep));
}

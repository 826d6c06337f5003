import { Repeater, SlidingBuffer } from '@repeaterjs/repeater';
import type { Watch } from '../domain/watch.ts';

/**
 * A watch as the source of a subscription. A slow client is owed the newest states only, so at most `keep` wait for
 * it. A Repeater, because a generator that waits cannot be ended from outside and would leak its listener.
 */
export function streamOf<Row>(watch: (watch: Watch<Row>) => Promise<void>, keep: number): AsyncIterable<Row> {
  return new Repeater<Row>(async (push, stop) => {
    await watch({
      push: (row) => void push(row),
      end: (error) => stop(error),
      stopped: stop,
    });
  }, new SlidingBuffer(keep));
}

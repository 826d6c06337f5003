import { Readable } from 'node:stream';
import type { Answer } from './router.ts';

/** A proxy that hears nothing for a minute ends the connection. */
const PING_EVERY_MS = 15_000;

/**
 * Events as they come, each as one `data:` of JSON (HTML Living Standard, 9.2.5), with comments while nothing comes.
 * `onClose` is called however they end, also when nobody began to read.
 */
export function eventStream(events: AsyncGenerator<object>, onClose: () => void): Answer {
  return {
    stream: Readable.from(framesOf(events)).once('close', onClose),
    endsItself: true,
    headers: {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    },
  };
}

async function* framesOf(events: AsyncGenerator<object>): AsyncGenerator<string> {
  try {
    let next = events.next();
    for (;;) {
      const pause = Promise.withResolvers<null>();
      const timer = setTimeout(() => pause.resolve(null), PING_EVERY_MS);
      const come = await Promise.race([next, pause.promise]).finally(() => clearTimeout(timer));
      if (come === null) {
        // A failure meanwhile is met at the next turn.
        next.catch(() => undefined);
        yield ': waiting\n\n';
      } else if (come.done) return;
      else {
        yield `data: ${JSON.stringify(come.value)}\n\n`;
        next = events.next();
      }
    }
  } finally {
    await events.return(undefined);
  }
}

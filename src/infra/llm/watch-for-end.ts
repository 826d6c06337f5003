import { brokenOff } from './failures.ts';

const END = /(?:^|\n)data: ?\[DONE\]/;
/** Characters in which an end that is cut in two fits, or what ends an event. */
const TAIL = 20;
const EVENT_END = /\r?\n\r?\n/g;
/** No piece of an answer is longer; the client keeps an event until it is whole, and copies it with all that comes. */
const MAX_EVENT_CHARACTERS = 2_000_000;

/**
 * The same response, and whether the event that ends an answer of OpenAI's protocol has come. The client's library keeps
 * that to itself, and not every server gives a reason beside it. Breaks off where an event does not end.
 */
export function watchForEnd(response: Response): { watched: Response; isComplete(): boolean } {
  const decoder = new TextDecoder();
  let tail = '\n';
  let isComplete = false;
  let ofEvent = 0;
  const watch = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      const decoded = decoder.decode(chunk, { stream: true });
      const text = tail + decoded;
      isComplete ||= END.test(text);
      const ended = [...text.matchAll(EVENT_END)].at(-1);
      ofEvent = ended ? text.length - ended.index : ofEvent + decoded.length;
      tail = text.slice(-TAIL);
      if (ofEvent > MAX_EVENT_CHARACTERS) controller.error(brokenOff());
      else controller.enqueue(chunk);
    },
  });
  return {
    watched: new Response(response.body?.pipeThrough(watch) ?? null, response),
    isComplete: () => isComplete,
  };
}

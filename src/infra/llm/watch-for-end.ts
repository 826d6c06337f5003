const END = /(?:^|\n)data: ?\[DONE\]/;
/** Characters in which an end that is cut in two fits. */
const TAIL = 20;

/**
 * The same response, and whether the event that ends an answer of OpenAI's protocol has come. The client's library keeps
 * that to itself, and not every server gives a reason beside it.
 */
export function watchForEnd(response: Response): { watched: Response; isComplete(): boolean } {
  const decoder = new TextDecoder();
  let tail = '\n';
  let isComplete = false;
  const watch = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      const text = tail + decoder.decode(chunk, { stream: true });
      isComplete ||= END.test(text);
      tail = text.slice(-TAIL);
      controller.enqueue(chunk);
    },
  });
  return {
    watched: new Response(response.body?.pipeThrough(watch) ?? null, response),
    isComplete: () => isComplete,
  };
}

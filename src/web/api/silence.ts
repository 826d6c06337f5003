/** The server says something at least every 12 seconds on a stream of events, if only that it is there. */
const SILENCE_MS = 30_000;

/**
 * Fetches a stream that fails once nothing has come for half a minute. A connection that was lost while a laptop slept, or in
 * a router on the way, tells nobody that it is gone.
 */
export async function fetchUnlessSilent(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, init);
  return response.body ? new Response(response.body.pipeThrough(failWhenSilent()), response) : response;
}

function failWhenSilent(): TransformStream<Uint8Array, Uint8Array> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = (controller: TransformStreamDefaultController<Uint8Array>) => {
    clearTimeout(timer);
    timer = setTimeout(() => controller.error(new TypeError('The stream fell silent')), SILENCE_MS);
  };
  return new TransformStream({
    start: wait,
    transform(chunk, controller) {
      wait(controller);
      controller.enqueue(chunk);
    },
    flush: () => clearTimeout(timer),
  });
}

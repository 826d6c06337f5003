/**
 * After so long without a word a connection counts as lost. On a stream of events the server says something at least every 12
 * seconds, if only that it is there.
 */
const SILENCE_MS = 30_000;

/**
 * Fetches, and fails when nobody answers. A connection that was lost while a laptop slept, or in a router on the way, tells
 * nobody that it is gone, and a browser would wait on it for ever.
 */
async function fetchInTime(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
  const silent = new AbortController();
  const timer = setTimeout(() => silent.abort(new TypeError('Nobody answered')), SILENCE_MS);
  const signal = init.signal ? AbortSignal.any([init.signal, silent.signal]) : silent.signal;
  try {
    return await fetch(input, { ...init, signal });
  } finally {
    clearTimeout(timer);
  }
}

/** The same for a stream, which fails as well once nothing more comes. */
export async function fetchUnlessSilent(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const response = await fetchInTime(input, init);
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

import type { RequestHandler, Response } from 'express';
import onHeaders from 'on-headers';

/** After which browsers and others that speak server-sent events come again, by then to another process. */
const RECONNECT_MS = 1_000;

export interface Drain {
  /** Stands before all other handlers. */
  handler: RequestHandler;
  /** From here on /readyz answers 503, and every answer asks its client to open a new connection for the next request. */
  begin(): void;
  /**
   * Ends open subscriptions without the protocol's `complete`, so that clients subscribe again, and with `retry:` (HTML
   * Living Standard, 9.2.6), which says when. One that is only about to open ends as soon as it has. Other streams, such as an
   * answer of the chat, are requests that end by themselves.
   */
  endStreams(): void;
}

/** How the server stops so that what was begun is answered. `subscriptionPath` is where endless streams are. */
export function createDrain(subscriptionPath: string): Drain {
  let draining = false;
  let streamsEnd = false;
  const open = new Set<Response>();
  const endIfSubscription = (response: Response) => {
    const isStream = String(response.get('content-type')).startsWith('text/event-stream');
    if (!isStream || !response.req.originalUrl.startsWith(subscriptionPath) || response.writableEnded) return;
    response.end(`retry: ${RECONNECT_MS}\n\n`);
    response.socket?.end();
  };
  // Not before they are written, which is what follows.
  const endOnceOpen = (response: Response) =>
    onHeaders(response, () => setImmediate(endIfSubscription, response));
  return {
    handler(request, response, next) {
      open.add(response);
      response.once('close', () => open.delete(response));
      if (draining) {
        response.set('Connection', 'close');
        if (request.path === '/readyz') {
          response.status(503).json({ ok: false, failures: { server: 'is stopping' } });
          return;
        }
      }
      if (streamsEnd) endOnceOpen(response);
      next();
    },
    begin() {
      draining = true;
      for (const response of open) if (!response.headersSent) response.set('Connection', 'close');
    },
    endStreams() {
      streamsEnd = true;
      for (const response of open) (response.headersSent ? endIfSubscription : endOnceOpen)(response);
    },
  };
}

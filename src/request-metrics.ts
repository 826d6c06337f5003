import type { Request, RequestHandler, Response } from 'express';
import type { Metrics } from './domain/metrics.ts';

/** Where routers of others are mounted, which have patterns of their own or none. */
const MOUNTS = ['/graphql', '/admin/queues'];

/** The log, these metrics, and each stream of an answer listen for its end; ten would be taken for a leak. */
const LISTENERS = 20;

/** Counts and times every request under the pattern of its route, so that no path makes a series of its own. */
export function measureRequests(metrics: Metrics): RequestHandler {
  return (request, response, next) => {
    const begun = performance.now();
    response.setMaxListeners(LISTENERS);
    response.once('close', () => {
      metrics.requestAnswered({
        method: request.method,
        route: isSubscription(request, response) ? '/graphql stream' : routeOf(request),
        status: response.statusCode,
        seconds: (performance.now() - begun) / 1_000,
      });
    });
    next();
  };
}

/** A stream that lasts as long as somebody listens says nothing about how fast the others of its route are. */
function isSubscription(request: Request, response: Response): boolean {
  const type = response.headersSent ? String(response.get('content-type')) : '';
  return type.startsWith('text/event-stream') && routeOf(request) === '/graphql';
}

/** The pattern of the route that answered, such as /sync/status/:taskId; `other` when none did. */
export function routeOf(request: Request): string {
  const path = request.originalUrl.split('?')[0] ?? '';
  const mount = MOUNTS.find((each) => path === each || path.startsWith(`${each}/`));
  if (mount) return mount;
  const [pattern] = [request.route?.path].flat();
  return typeof pattern === 'string' ? pattern : 'other';
}

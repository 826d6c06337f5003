import type { IncomingMessage } from 'node:http';
import type { Express } from 'express';
import proxyAddr from 'proxy-addr';

/**
 * From where a request comes, for one that Express does not see (a WebSocket's): by the same setting of the proxies to
 * trust as `request.ip` and `request.host`.
 */
export function requestOrigins(app: Express, corsOrigins: string[]) {
  const isTrusted: (address: string, hop: number) => boolean = app.get('trust proxy fn');

  const hostOf = ({ headers, socket }: IncomingMessage) => {
    const forwarded = headers['x-forwarded-host'];
    if (typeof forwarded !== 'string' || !isTrusted(socket.remoteAddress ?? '', 0)) return headers.host;
    return forwarded.split(',')[0]?.trim();
  };
  return {
    addressOf: (request: IncomingMessage): string | undefined => proxyAddr(request, isTrusted),
    /** Whether it comes from a page of this server, from one of `corsOrigins`, or from no page at all. */
    isOwnPage(request: IncomingMessage): boolean {
      const { origin } = request.headers;
      if (origin === undefined || corsOrigins.includes(origin)) return true;
      return URL.parse(origin)?.host === hostOf(request);
    },
  };
}

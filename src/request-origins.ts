import type { IncomingMessage } from 'node:http';
import type { Express, RequestHandler } from 'express';
import proxyAddr from 'proxy-addr';
import { networkOf } from './infra/networks.ts';

/** `203.0.113.1:5678` and `[2001:db8::1]:5678`, without or with a bracket alone. */
const WITH_PORT = /^(?:(?<v4>[\d.]+):\d+|\[(?<v6>[\da-f:.]+)\](?::\d+)?)$/i;

/**
 * Some proxies (Azure's gateways, IIS) write each address of X-Forwarded-For with its port: no reader of the header takes
 * that for an address, and all clients would count as one.
 */
function dropPorts({ headers }: IncomingMessage): void {
  const given = headers['x-forwarded-for'];
  if (typeof given !== 'string') return;
  const addresses = given.split(',').map((item) => {
    const { v4, v6 } = WITH_PORT.exec(item.trim())?.groups ?? {};
    return v4 ?? v6 ?? item;
  });
  headers['x-forwarded-for'] = addresses.join(',');
}

/**
 * From where a request comes, for one that Express does not see (a WebSocket's): by the same setting of the proxies to
 * trust as `request.ip` and `request.host`. To be called before anything else is mounted, for both are told from headers that
 * are made readable here.
 */
export function requestOrigins(app: Express, corsOrigins: string[]) {
  app.use((request, _response, next) => {
    dropPorts(request);
    next();
  });
  const isTrusted: (address: string, hop: number) => boolean = app.get('trust proxy fn');

  const hostOf = ({ headers, socket }: IncomingMessage) => {
    const forwarded = headers['x-forwarded-host'];
    if (typeof forwarded !== 'string' || !isTrusted(socket.remoteAddress ?? '', 0)) return headers.host;
    return forwarded.split(',')[0]?.trim();
  };
  const addressOf = (request: IncomingMessage): string | undefined => {
    dropPorts(request);
    return proxyAddr(request, isTrusted);
  };
  return {
    addressOf,
    networkOf: (request: IncomingMessage) => networkOf(addressOf(request) ?? null),
    /** Whether it comes from a page of this server, from one of `corsOrigins`, or from no page at all. */
    isOwnPage(request: IncomingMessage): boolean {
      const { origin } = request.headers;
      if (origin === undefined || corsOrigins.includes(origin)) return true;
      return URL.parse(origin)?.host === hostOf(request);
    },
  };
}

/** Answers 400 to a Host that is none (RFC 9112, section 3.2), of which no URL can be made further on. */
export function refuseMalformedHosts(): RequestHandler {
  return ({ headers: { host } }, _response, next) => {
    // Some that look after a server's health leave it empty.
    if (!host || URL.canParse(`http://${host}`)) return next();
    next(Object.assign(new Error('The Host header is malformed.'), { status: 400, expose: true }));
  };
}

import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import type { Logger as PinoLogger } from 'pino';
import { pinoHttp } from 'pino-http';
import { credentialsOf } from './auth/credentials.ts';
import type { SessionCookie } from './auth/session-cookie.ts';
import type { Config } from './config.ts';
import { allowOrigins } from './cross-origin.ts';
import { TooManyRequestsError, UnavailableError } from './domain/errors.ts';
import type { Logger } from './domain/services.ts';
import type { Authenticate } from './domain/viewer.ts';
import { createDrain, type Drain } from './drain.ts';
import { answerOverHttp } from './graphql/http.ts';
import { attachWebSocket } from './graphql/websocket.ts';
import { createGraphQL, GRAPHQL_PATH } from './graphql/yoga.ts';
import { createMcpRouter } from './mcp/router.ts';
import { QUEUE_BOARD_PATH, serveQueueBoard } from './queue-board.ts';
import { requestContext } from './request-context.ts';
import { measureRequests } from './request-metrics.ts';
import { refuseMalformedHosts, requestOrigins } from './request-origins.ts';
import { traceRequests } from './request-tracing.ts';
import { createAuthRouter } from './rest/auth.ts';
import { notFound, restErrorHandler, unsupportedEncoding } from './rest/errors.ts';
import { nameOutages } from './rest/outage.ts';
import { createRestRouter, takesUpload } from './rest/router.ts';
import { refuseForeignPages } from './rest/same-origin.ts';
import { forGraphiQL, forQueueBoard, securityHeaders } from './security-headers.ts';
import type { OpenServices } from './services.ts';
import { refuseSlowBodies } from './slow-bodies.ts';
import { servePages, serveUnknown } from './web-pages.ts';

export interface App {
  handler: Express;
  drain: Drain;
  /** Adds WebSockets to a server; answers the function that closes them. */
  attachTo(server: Server): () => Promise<void>;
}

/** Wires the API in the order in which a request meets it. Opens nothing and never listens. */
export function createApp(
  { services, openQueueBoard }: Pick<OpenServices, 'services' | 'openQueueBoard'>,
  identity: { authenticate: Authenticate; cookie: SessionCookie },
  config: Pick<Config, 'environment' | 'google' | 'http' | 'sync' | 'tracing'>,
  logger: PinoLogger,
): App {
  const { http } = config;
  const { authenticate, cookie } = identity;
  const isOpen = config.environment !== 'production';
  const yoga = createGraphQL(services, {
    open: isOpen,
    signInMethods: config.google ? ['GOOGLE', 'API_KEY'] : ['API_KEY'],
  });
  const handler = express();
  const drain = createDrain(GRAPHQL_PATH);
  handler.disable('x-powered-by');
  handler.set('trust proxy', http.trustProxy);
  const origins = requestOrigins(handler, http.corsOrigins);
  handler.use(requestLog(logger));
  if (config.tracing) handler.use(traceRequests());
  handler.use(drain.handler);
  if (!isOpen && http.trustProxy === false) handler.use(warnOfProxy(services.logger));
  handler.use((request, _response, next) => requestContext.run({ requestId: String(request.id) }, next));
  handler.use(securityHeaders(config.environment));
  if (http.corsOrigins.length > 0) handler.use(allowOrigins(http.corsOrigins));
  handler.use(measureRequests(services.metrics));
  handler.use(refuseMalformedHosts());
  const pages = servePages();
  if (pages) handler.use(pages);
  handler.use(refuseSlowBodies(http.requestTimeoutMs, takesUpload));
  handler.use('/auth', async (request, _response, next) => {
    // Pages ask for the user all the time, and nobody gets in by it.
    if (request.path !== '/user') await services.limits.spend('signIn', { address: request.ip ?? null });
    next();
  });

  handler.use(refuseForeignPages(cookie, http.corsOrigins));

  if (isOpen) handler.use(GRAPHQL_PATH, forGraphiQL());
  handler.use(GRAPHQL_PATH, async (request, response) => {
    if (request.headers['content-encoding'] !== undefined) throw unsupportedEncoding();
    // A proxy that buffers would hold the events of a subscription back.
    response.set('X-Accel-Buffering', 'no');
    return answerOverHttp(yoga, request, response, {
      viewer: await authenticate(credentialsOf(request, request.ip)),
      requestId: String(request.id),
    });
  });
  handler.use(GRAPHQL_PATH, nameOutages(services), inGraphQL);
  handler.use(createMcpRouter(services, { authenticate, isOwnPage: origins.isOwnPage }));
  handler.use(QUEUE_BOARD_PATH, forQueueBoard(), serveQueueBoard(authenticate, openQueueBoard));
  handler.use(createAuthRouter(services, { authenticate, cookie, google: config.google }));
  handler.use(createRestRouter(services, authenticate, config.sync));
  handler.use(serveUnknown());
  handler.use(() => {
    throw notFound();
  });
  handler.use(nameOutages(services));
  handler.use(restErrorHandler(services));

  return {
    handler,
    drain,
    attachTo(server) {
      server.headersTimeout = http.requestTimeoutMs;
      // Bodies are watched above, for Node would end an upload in the middle.
      server.requestTimeout = 0;
      server.keepAliveTimeout = KEEP_ALIVE_MS;
      return attachWebSocket(server, yoga, {
        ...origins,
        authenticate,
        cookie,
        logger: services.logger,
      });
    },
  };
}

/** Longer than a proxy keeps a connection that nobody uses, so that it never sends a request to one that just closes. */
const KEEP_ALIVE_MS = 65_000;

/** Limits go by address, and behind a proxy that is not trusted all clients would share one. */
function warnOfProxy(log: Logger): RequestHandler {
  let isWarned = false;
  return (request, _response, next) => {
    if (!isWarned && request.headers['x-forwarded-for'] !== undefined) {
      isWarned = true;
      log.warn(
        {},
        'a request came with X-Forwarded-For, but TRUST_PROXY is not set: behind a proxy all clients count as one address',
      );
    }
    next();
  };
}

/** A request that is refused before GraphQL sees it, in words that its clients read. */
const inGraphQL: ErrorRequestHandler = (error, _request, response, next) => {
  if (response.headersSent) return next(error);
  if (error instanceof TooManyRequestsError) {
    const { message, code, retryAfter } = error;
    response.status(429).set('Retry-After', String(retryAfter));
    response.json({ errors: [{ message, extensions: { code, retryAfter } }] });
  } else if (error instanceof UnavailableError) {
    const { message, code } = error;
    response.status(503).json({ errors: [{ message, extensions: { code } }] });
  } else next(error);
};

/** A request id that a proxy may hand on: printable and short, so that it cannot forge log lines. */
const REQUEST_ID = /^[\w.-]{1,100}$/;

function requestLog(logger: PinoLogger) {
  return pinoHttp({
    logger,
    // A logger of each request would be searched for secrets, and has none: see its serializers.
    redact: [],
    genReqId(request, response) {
      const given = request.headers['x-request-id'];
      const id = typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
      response.setHeader('X-Request-Id', id);
      return id;
    },
    customLogLevel: (_request, response, error) => (error || response.statusCode >= 500 ? 'error' : 'debug'),
    serializers: {
      // Neither headers nor a query string: both may hold secrets.
      req: (request) => ({ id: request.id, method: request.method, path: request.url?.split('?')[0] }),
      res: (response) => ({ statusCode: response.statusCode }),
    },
  });
}

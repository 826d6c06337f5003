import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import express, { type Express } from 'express';
import type { Logger as PinoLogger } from 'pino';
import { pinoHttp } from 'pino-http';
import { credentialsOf } from './auth/credentials.ts';
import type { SessionCookie } from './auth/session-cookie.ts';
import type { Config } from './config.ts';
import type { Services } from './domain/services.ts';
import type { Authenticate } from './domain/viewer.ts';
import { attachWebSocket } from './graphql/websocket.ts';
import { createGraphQL, GRAPHQL_PATH } from './graphql/yoga.ts';
import { requestContext } from './request-context.ts';
import { createAuthRouter } from './rest/auth.ts';
import { notFound, restErrorHandler } from './rest/errors.ts';
import { createRestRouter } from './rest/router.ts';
import { refuseForeignPages } from './rest/same-origin.ts';

export interface App {
  handler: Express;
  /** Adds WebSockets to a server; answers the function that closes them. */
  attachTo(server: Server): () => Promise<void>;
}

/** Wires the API in the order in which a request meets it. Opens nothing and never listens. */
export function createApp(
  services: Services,
  { authenticate, cookie }: { authenticate: Authenticate; cookie: SessionCookie },
  config: Pick<Config, 'environment' | 'google' | 'http' | 'sync'>,
  logger: PinoLogger,
): App {
  const yoga = createGraphQL(services, { graphiql: config.environment !== 'production' });
  const handler = express();
  handler.disable('x-powered-by');
  handler.set('trust proxy', config.http.trustProxy);
  handler.use(requestLog(logger));
  handler.use((request, _response, next) => requestContext.run({ requestId: String(request.id) }, next));

  handler.use(refuseForeignPages(cookie));

  handler.use(GRAPHQL_PATH, async (request, response) => {
    // A proxy that buffers would hold the events of a subscription back.
    response.set('X-Accel-Buffering', 'no');
    return yoga(request, response, {
      viewer: await authenticate(credentialsOf(request, request.ip)),
      requestId: String(request.id),
    });
  });
  handler.use(createAuthRouter(services, { authenticate, cookie, google: config.google }));
  handler.use(createRestRouter(services, authenticate, config.sync));
  handler.use(() => {
    throw notFound();
  });
  handler.use(restErrorHandler(services));

  return { handler, attachTo: (server) => attachWebSocket(server, yoga, authenticate) };
}

/** A request id that a proxy may hand on: printable and short, so that it cannot forge log lines. */
const REQUEST_ID = /^[\w.-]{1,100}$/;

function requestLog(logger: PinoLogger) {
  return pinoHttp({
    logger,
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

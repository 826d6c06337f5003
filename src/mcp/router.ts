import type { IncomingMessage } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler } from '@modelcontextprotocol/server';
import express, { type Request, type Router } from 'express';
import { credentialsOf } from '../auth/credentials.ts';
import { InvalidInputError, NotAllowedError, NotSignedInError } from '../domain/errors.ts';
import { forReading } from '../domain/reading.ts';
import type { Services } from '../domain/services.ts';
import type { Authenticate, Credentials } from '../domain/viewer.ts';
import { currentRequestId } from '../request-context.ts';
import { createToolServer } from './server.ts';

const MCP_PATH = '/mcp';

/** A call is a query or an id. */
const MAX_BODY_BYTES = 64 * 1024;

/** What the endpoint needs to know of its requests. */
export interface McpDoor {
  authenticate: Authenticate;
  /** Whether it comes from a page of this server or a listed one, or from no page. */
  isOwnPage(request: IncomingMessage): boolean;
}

/**
 * The Model Context Protocol over streamable HTTP without sessions, in the revisions that the SDK knows: each call says
 * who it is, is answered by a server of its own, and leaves nothing behind. No page of another site may call, not even
 * with a key, as the protocol wants it against DNS rebinding.
 */
export function createMcpRouter(services: Services, { authenticate, isOwnPage }: McpDoor): Router {
  const onerror = (error: Error) => {
    services.logger.warn({ error, requestId: currentRequestId() }, 'an MCP request was refused or failed');
  };
  const router = express.Router();
  router.all(MCP_PATH, express.json({ limit: MAX_BODY_BYTES }), async (request, response) => {
    if (!isOwnPage(request)) throw new NotAllowedError('This was asked for by a page of another site.');
    const viewer = await authenticate(shownBy(request));
    if (!viewer) {
      response.set('WWW-Authenticate', 'Bearer realm="Sidecar"');
      throw new NotSignedInError();
    }
    if (Array.isArray(request.body)) throw severalCalls();
    const context = {
      services: await forReading(services, viewer),
      viewer,
      origin: `${request.protocol}://${request.host}`,
    };
    const handler = createMcpHandler(() => createToolServer(context), {
      // Nothing here changes by itself, so that there is nothing to listen to.
      maxSubscriptions: 0,
      maxRequestBodySize: MAX_BODY_BYTES,
      onerror,
    });
    const serve = toNodeHandler(handler, { maxRequestBodySize: MAX_BODY_BYTES, onerror });
    await serve(request, response, request.body);
  });
  return router;
}

/** The key also as a bearer token, for that is what clients of this protocol can be told; X-API-Key comes first. */
function shownBy(request: Request): Credentials {
  const shown = credentialsOf(request, request.ip);
  const [, token] = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '') ?? [];
  return { ...shown, apiKey: shown.apiKey || token };
}

/** Batches, which newer revisions no longer know, would be many calls under the bounds of one. */
const severalCalls = () =>
  new InvalidInputError([{ path: [], message: 'Send one call in each request.', type: 'batch' }]);

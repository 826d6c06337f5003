import cors from 'cors';
import type { RequestHandler } from 'express';

const METHODS = ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'];

const ALLOWED_HEADERS = [
  'Content-Type',
  'X-API-Key',
  'X-GraphQL-Yoga-CSRF',
  'X-Request-Id',
  'Last-Event-ID',
  'Range',
  'If-Match',
  'If-Range',
  'If-None-Match',
  'Tus-Resumable',
  'Upload-Length',
  'Upload-Offset',
  'Upload-Metadata',
  'Upload-Defer-Length',
  'Upload-Concat',
  'X-HTTP-Method-Override',
  // Of the Model Context Protocol.
  'Authorization',
  'Mcp-Protocol-Version',
  'Mcp-Method',
  'Mcp-Name',
];

/** Where the tus server answers, it names its own again. */
const EXPOSED_HEADERS = [
  'X-Request-Id',
  'Retry-After',
  'Content-Disposition',
  'Content-Range',
  'ETag',
  'Location',
  'Tus-Resumable',
  'Upload-Length',
  'Upload-Offset',
  'Upload-Metadata',
];

const MAX_AGE_SECONDS = 600;

/** Lets pages of these origins send and read all that GraphQL, REST, uploads by tus and server-sent events need. */
export function allowOrigins(origins: string[]): RequestHandler {
  const answer = cors({
    origin: origins,
    credentials: true,
    methods: METHODS,
    allowedHeaders: ALLOWED_HEADERS,
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: MAX_AGE_SECONDS,
  });
  return (request, response, next) => {
    // An OPTIONS that is no browser's question is a tus client's, which asks for the server's abilities.
    const isPreflight = request.headers['access-control-request-method'] !== undefined;
    if (request.method === 'OPTIONS' && !isPreflight) return next();
    answer(request, response, next);
  };
}

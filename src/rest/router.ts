import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import express, { type ErrorRequestHandler, type Router } from 'express';
import {
  ConflictError,
  DomainError,
  type ErrorCode,
  InvalidInputError,
  NotFoundError,
} from '../domain/errors.ts';
import { encodeId } from '../domain/global-id.ts';
import type { Services } from '../domain/services.ts';
import type { Authenticate, Viewer } from '../domain/viewer.ts';
import { currentRequestId } from '../request-context.ts';
import { assetRoutes } from './asset.ts';
import { healthRoutes } from './health.ts';
import { syncRoutes } from './sync.ts';

/** What a handler gets of a request: nothing of Express. */
export interface Call {
  viewer: Viewer | null;
  body: Record<string, unknown>;
  query: Record<string, unknown>;
  params: Record<string, string>;
  headers: IncomingHttpHeaders;
  requestId: string;
  /** The body as it comes, for a route that reads it itself. */
  stream: AsyncIterable<Uint8Array>;
}

/** JSON, or a stream with headers of its own. */
export type Answer =
  | { status?: number; body: object; stream?: undefined }
  | { status?: number; stream: Readable; headers: Record<string, string | number> };

export interface Route {
  method: 'get' | 'post' | 'delete';
  path: string;
  /** The domain's name of a field, where REST has another; used to say where an input is wrong. */
  fieldNames?: Record<string, string>;
  handle(services: Services, call: Call): Promise<Answer>;
}

/** Every REST route, in the order in which they are tried. */
export const routes: Route[] = [...healthRoutes, ...syncRoutes, ...assetRoutes];

const MAX_BODY = '256kb';

export function createRestRouter(services: Services, authenticate: Authenticate): Router {
  const router = express.Router();
  router.use(express.json({ limit: MAX_BODY }));
  for (const route of routes) {
    router[route.method](route.path, async (request, response) => {
      const answer = await route
        .handle(services, {
          viewer: authenticate(request.get('x-api-key')),
          body: isObject(request.body) ? request.body : {},
          query: request.query,
          params: request.params as Record<string, string>,
          headers: request.headers,
          requestId: currentRequestId(),
          stream: request,
        })
        .catch((error) => {
          throw error instanceof InvalidInputError ? renameFields(error, route.fieldNames ?? {}) : error;
        });
      response.status(answer.status ?? 200);
      if (!answer.stream) return response.json(answer.body);
      response.set(answer.headers);
      await pipeline(answer.stream, response);
    });
  }
  return router;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function renameFields(error: InvalidInputError, names: Record<string, string>): InvalidInputError {
  const fieldErrors = error.fieldErrors.map((field) => ({
    ...field,
    path: field.path.map((step) => names[step] ?? step),
  }));
  return new InvalidInputError(fieldErrors, error.code);
}

/** The one place where REST gives a failure its status. */
const statuses = {
  NOT_SIGNED_IN: 401,
  NOT_ALLOWED: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  INVALID_INPUT: 422,
  NO_EXPORT_URL: 400,
  TOO_LARGE: 413,
  TOO_MANY_REQUESTS: 429,
  UNAVAILABLE: 503,
} satisfies Record<ErrorCode, number>;

/** Answers every error as `{ detail }`; what was not expected only as a request id, with the cause in the log. */
export function restErrorHandler(services: Services): ErrorRequestHandler {
  return (error, _request, response, next) => {
    if (response.headersSent) return next(error);
    if (error instanceof DomainError) {
      if (error.code === 'NOT_SIGNED_IN') response.set('WWW-Authenticate', 'ApiKey header="X-API-Key"');
      response.status(statuses[error.code]).json(bodyOf(error));
      return;
    }
    // Express's own parsers name the status of a body that is no JSON or too large.
    if (typeof error?.status === 'number' && error.status < 500 && error.expose) {
      response.status(error.status).json({ detail: error.message });
      return;
    }
    const requestId = currentRequestId();
    services.logger.error({ error, requestId }, 'a request failed unexpectedly');
    response
      .status(500)
      .json({ detail: `Something went wrong. Quote the request id ${requestId}.`, request_id: requestId });
  };
}

function bodyOf(error: DomainError): object {
  if (error.code === 'INVALID_INPUT' && error instanceof InvalidInputError) {
    return {
      detail: error.fieldErrors.map(({ path, message, type }) => ({
        loc: ['body', ...path],
        msg: message,
        type,
      })),
    };
  }
  if (error instanceof ConflictError) {
    return { detail: error.message, task_id: encodeId('SyncTask', error.taskId) };
  }
  return { detail: error.message };
}

/** For a path that no route knows. */
export const notFound = () => new NotFoundError('page');

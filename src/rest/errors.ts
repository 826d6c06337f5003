import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { ErrorRequestHandler } from 'express';
import {
  ChatUnavailableError,
  ConflictError,
  DomainError,
  type ErrorCode,
  InvalidInputError,
  NotFoundError,
  TooManyRequestsError,
} from '../domain/errors.ts';
import { encodeId } from '../domain/global-id.ts';
import type { Services } from '../domain/services.ts';
import { currentRequestId } from '../request-context.ts';

/** The one place where REST gives a failure its status. */
export const statuses = {
  NOT_SIGNED_IN: 401,
  NOT_ALLOWED: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  INVALID_INPUT: 422,
  NO_EXPORT_URL: 400,
  TOO_LARGE: 413,
  NO_SPACE: 507,
  TOO_MANY_REQUESTS: 429,
  UNAVAILABLE: 503,
  CHAT_UNAVAILABLE: 503,
  SEMANTIC_SEARCH_UNAVAILABLE: 503,
} satisfies Record<ErrorCode, number>;

/** Answers every error as `{ detail }`; what was not expected only as a request id, with the cause in the log. */
export function restErrorHandler(services: Services): ErrorRequestHandler {
  return (error, request, response, next) => {
    if (response.headersSent) return next(error);
    // The rest of a body that was refused half-way would stand before the next request of its connection.
    request.resume();
    if (error instanceof DomainError) {
      if (error.code === 'NOT_SIGNED_IN') response.append('WWW-Authenticate', 'ApiKey header="X-API-Key"');
      if (error instanceof TooManyRequestsError) response.set('Retry-After', String(error.retryAfter));
      if (error instanceof ChatUnavailableError && error.retryAfter !== null) {
        response.set('Retry-After', String(error.retryAfter));
      }
      response.status(statuses[error.code]).json(bodyOf(error));
      return;
    }
    // Express's own parsers name the status of a body that is no JSON or too large, and of a path that is no UTF-8.
    if (typeof error?.status === 'number' && error.status >= 400 && error.status < 500) {
      const detail = error.expose ? error.message : 'The request is malformed.';
      response.status(error.status).json({ detail });
      return;
    }
    if (hasLeft(request)) {
      // Read by nobody but the metrics.
      response.status(400).end();
      return;
    }
    const requestId = currentRequestId();
    services.logger.error({ error, requestId }, 'a request failed unexpectedly');
    response
      .status(500)
      .json({ detail: `Something went wrong. Quote the request id ${requestId}.`, request_id: requestId });
  };
}

/** Whether the client went away in the middle of its body: nobody waits for an answer, and nothing went wrong here. */
export const hasLeft = ({ destroyed, complete }: IncomingMessage) => destroyed && !complete;

/** The body of an answer that tells of a failure. */
export function bodyOf(error: DomainError): object {
  if (error.code === 'INVALID_INPUT' && error instanceof InvalidInputError) {
    return {
      detail: error.fieldErrors.map(({ path, message, type }) => ({
        loc: path,
        msg: message,
        type,
      })),
    };
  }
  if (error instanceof ConflictError) {
    return { detail: error.message, task_id: encodeId(error.taskType, error.taskId) };
  }
  if (error instanceof ChatUnavailableError) return toChatFailure(error);
  return { detail: error.message };
}

/** Why a model did not answer; with a session and a turn when the question is kept, to be asked again. */
export function toChatFailure({ message, reason, retryAfter, turnId }: ChatUnavailableError) {
  const [sessionId = ''] = turnId?.split('/') ?? [];
  return {
    detail: message,
    reason,
    ...(retryAfter === null ? {} : { retry_after: retryAfter }),
    ...(turnId === null
      ? {}
      : { session_id: encodeId('ChatSession', sessionId), turn_id: encodeId('ChatTurn', turnId) }),
  };
}

/** For a body that is no JSON where only JSON is read. */
export const unsupportedBody = () =>
  Object.assign(new Error('Send the body as JSON, with the header Content-Type: application/json.'), {
    status: 415,
    expose: true,
  });

/** For a body that is compressed where none is unpacked. */
export const unsupportedEncoding = () =>
  Object.assign(new Error('Send the body as it is, without Content-Encoding.'), {
    status: 415,
    expose: true,
  });

/** Refuses a body that comes compressed (RFC 9110, section 8.4), for routes that keep its bytes as they are. */
export function refuseEncoded({ 'content-encoding': encoding = 'identity' }: IncomingHttpHeaders): void {
  if (encoding.toLowerCase() !== 'identity') throw unsupportedEncoding();
}

/** For a path that no route knows. */
export const notFound = () => new NotFoundError('page');

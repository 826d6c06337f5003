import type { ErrorRequestHandler } from 'express';
import { UnavailableError } from '../domain/errors.ts';
import type { Services } from '../domain/services.ts';
import { currentRequestId } from '../request-context.ts';

/** Of sockets, and of Prisma where it has codes of its own for the same. */
const CODES = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'P1001',
  'P1008',
  'P1017',
  'P2037',
];

/** What pg says, without a code, of a connection that was lost, not made in time, or not free in time. */
const MESSAGE = /^Connection terminated|^timeout exceeded when trying to connect/;

/** Turns what comes of a database, or of another server, that is away into an UnavailableError, with the cause in the log. */
export function nameOutages(services: Services): ErrorRequestHandler {
  return (error, request, _response, next) => {
    // Who left in the middle of a body is cut off as well.
    if ((request.destroyed && !request.complete) || !isOutage(error)) return next(error);
    services.logger.error(
      { error, requestId: currentRequestId() },
      'something that is needed does not answer',
    );
    next(new UnavailableError('Something that is needed does not answer at present. Try again later.'));
  };
}

function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const {
    code = '',
    severity,
    meta,
  } = error as Error & {
    code?: string;
    severity?: string;
    meta?: { driverAdapterError?: { cause?: { severity?: string } } };
  };
  // PostgreSQL is fatal of what ends a connection: it stops, it starts, it has no connection left.
  const isFatal = [severity, meta?.driverAdapterError?.cause?.severity].includes('FATAL');
  return isFatal || CODES.includes(code) || MESSAGE.test(error.message);
}

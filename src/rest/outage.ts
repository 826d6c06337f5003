import type { ErrorRequestHandler } from 'express';
import { outageOf } from '../domain/outage.ts';
import type { Services } from '../domain/services.ts';
import { currentRequestId } from '../request-context.ts';
import { hasLeft } from './errors.ts';

/** Turns what comes of a database, or of another server, that is away into an UnavailableError, with the cause in the log. */
export function nameOutages(services: Services): ErrorRequestHandler {
  return (error, request, _response, next) => {
    const outage = outageOf(error);
    // Who left in the middle of a body is cut off as well.
    if (hasLeft(request) || !outage) return next(error);
    services.logger.error(
      { error, requestId: currentRequestId() },
      'something that is needed does not answer',
    );
    next(outage);
  };
}

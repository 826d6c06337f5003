import { PothosError, PothosValidationError } from '@pothos/core';
import { GraphQLError } from 'graphql';
import { DomainError, SemanticSearchUnavailableError, TooManyRequestsError } from '../domain/errors.ts';
import { outageOf } from '../domain/outage.ts';
import type { Logger } from '../domain/services.ts';
import { currentRequestId } from '../request-context.ts';

const FORGED_CURSOR = 'The cursor is none that this server gave.';

/**
 * What a client may see of an error: expected ones as they are, with their code; that something is away, and
 * everything else, only with a request id under which the log has the cause.
 */
export function createMask(logger: Logger) {
  return (error: unknown): Error => {
    const cause = causeOf(error);
    if (error instanceof GraphQLError && isOfGraphQL(cause)) return error;
    const place =
      error instanceof GraphQLError
        ? { nodes: error.nodes, path: error.path, positions: error.positions }
        : {};
    const slip = slipOf(cause);
    if (slip) return new GraphQLError(slip, { ...place, extensions: { code: 'INVALID_INPUT' } });
    if (cause instanceof DomainError) {
      const retry = cause instanceof TooManyRequestsError ? { retryAfter: cause.retryAfter } : {};
      const missing = cause instanceof SemanticSearchUnavailableError ? { missing: cause.missing } : {};
      return new GraphQLError(cause.message, {
        ...place,
        extensions: { code: cause.code, ...retry, ...missing },
      });
    }
    // Of a client that left before its answer: nobody reads this, and nothing went wrong.
    if (cause instanceof Error && (cause.name === 'AbortError' || isBrokenOff(cause)))
      return new GraphQLError('The client left.', place);
    const requestId = currentRequestId();
    const outage = outageOf(cause);
    if (outage) {
      logger.error({ error: cause, requestId }, 'something that is needed does not answer');
      return new GraphQLError(`${outage.message} Or quote the request id ${requestId}.`, {
        ...place,
        extensions: { code: outage.code, requestId },
      });
    }
    logger.error({ error: cause, requestId }, 'a GraphQL operation failed unexpectedly');
    return new GraphQLError(`Something went wrong. Quote the request id ${requestId}.`, {
      ...place,
      extensions: { code: 'INTERNAL', requestId },
    });
  };
}

/** What was thrown at first; null for what GraphQL itself found. */
const causeOf = (error: unknown) =>
  error instanceof GraphQLError && !(error instanceof PothosError) ? (error.originalError ?? null) : error;

/** What Node says of a body whose client left in the middle of it. */
const isBrokenOff = ({ message, code }: NodeJS.ErrnoException) =>
  message === 'aborted' && code === 'ECONNRESET';

/** Pothos's errors are made as GraphQL's own, yet say too little, or too much. */
const isOfGraphQL = (cause: unknown) =>
  cause === null || (cause instanceof GraphQLError && !(cause instanceof PothosError));

/** What a client did wrong that no input of ours is parsed for: the arguments of a page. Null for anything else. */
function slipOf(cause: unknown): string | null {
  if (!(cause instanceof PothosValidationError)) return null;
  return /cursor/i.test(cause.message) ? FORGED_CURSOR : `${cause.message}.`;
}

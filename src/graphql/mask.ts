import { GraphQLError } from 'graphql';
import { DomainError, SemanticSearchUnavailableError, TooManyRequestsError } from '../domain/errors.ts';
import type { Logger } from '../domain/services.ts';
import { Prisma } from '../generated/prisma/client.ts';
import { currentRequestId } from '../request-context.ts';

/**
 * What a client may see of an error: expected ones as they are, with their code; everything else only as a request id
 * under which the log has the cause.
 */
export function createMask(logger: Logger) {
  return (error: unknown): Error => {
    const cause = error instanceof GraphQLError ? (error.originalError ?? null) : error;
    if (error instanceof GraphQLError && (cause === null || cause instanceof GraphQLError)) return error;
    const place =
      error instanceof GraphQLError
        ? { nodes: error.nodes, path: error.path, positions: error.positions }
        : {};
    if (cause instanceof DomainError) {
      const retry = cause instanceof TooManyRequestsError ? { retryAfter: cause.retryAfter } : {};
      const missing = cause instanceof SemanticSearchUnavailableError ? { missing: cause.missing } : {};
      return new GraphQLError(cause.message, {
        ...place,
        extensions: { code: cause.code, ...retry, ...missing },
      });
    }
    if (isForgedCursor(cause)) {
      return new GraphQLError('The cursor is none that this server gave.', {
        ...place,
        extensions: { code: 'INVALID_INPUT' },
      });
    }
    // Of a client that left before its answer: nobody reads this, and nothing went wrong.
    if (cause instanceof Error && cause.name === 'AbortError')
      return new GraphQLError('The client left.', place);
    const requestId = currentRequestId();
    logger.error({ error: cause, requestId }, 'a GraphQL operation failed unexpectedly');
    return new GraphQLError(`Something went wrong. Quote the request id ${requestId}.`, {
      ...place,
      extensions: { code: 'INTERNAL', requestId },
    });
  };
}

/** P2007: the database takes a value for none of its column's type. Of what clients send only a cursor gets so far. */
const isForgedCursor = (cause: unknown) =>
  cause instanceof Prisma.PrismaClientKnownRequestError && cause.code === 'P2007';

import { UnavailableError } from './errors.ts';

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

/** What pg says, without a code, of a connection that was lost, not made or not free in time, or that does not answer. */
const MESSAGE = /^Connection terminated|^timeout exceeded when trying to connect|^Query read timeout/;

/**
 * What to tell of an error that comes of a database, or of another server, that is away; null for any other. The cause is
 * for the log.
 */
export function outageOf(error: unknown): UnavailableError | null {
  if (!isOutage(error)) return null;
  return new UnavailableError('Something that is needed does not answer at present. Try again later.', {
    cause: error,
  });
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

import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import type { Config } from '../config.ts';

/** Field names whose values are secrets wherever they stand. */
const REDACTED = [
  'authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'apiKey',
  'password',
  'exportUrl',
  'export_url',
  'chatgpt_export_url',
  'url',
];

/** Logs JSON lines, to standard error unless told otherwise, so that a command's own output stays clean. */
export function createLogger(
  config: Pick<Config, 'logLevel'>,
  name: string,
  destination: DestinationStream = pino.destination({ fd: 2, sync: true }),
): PinoLogger {
  return pino(
    {
      name,
      level: config.logLevel,
      redact: {
        paths: REDACTED.flatMap((key) => [`["${key}"]`, `*["${key}"]`, `*.*["${key}"]`]),
        censor: '[redacted]',
      },
      serializers: { error: describeError, err: describeError },
    },
    destination,
  );
}

/**
 * What helps to find an error's cause and nothing else: a driver hangs its whole connection on its errors, and a message
 * may quote a connection string or a signed link.
 */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return typeof error === 'string' ? withoutUrls(error) : error;
  const { code } = error as NodeJS.ErrnoException;
  return {
    type: error.name,
    ...(code === undefined ? {} : { code }),
    message: withoutUrls(error.message),
    stack: withoutUrls(error.stack ?? ''),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}

const withoutUrls = (text: string) =>
  text.replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/)(?!\/)[^\s"']+/gi, '$1[redacted]');

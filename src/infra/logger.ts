import { type Logger as PinoLogger, pino, stdSerializers } from 'pino';
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

/** Logs JSON lines to standard error, so that a command's own output stays clean. */
export function createLogger(config: Pick<Config, 'logLevel'>, name: string): PinoLogger {
  return pino(
    {
      name,
      level: config.logLevel,
      redact: {
        paths: REDACTED.flatMap((key) => [`["${key}"]`, `*["${key}"]`, `*.*["${key}"]`]),
        censor: '[redacted]',
      },
      serializers: { error: errorWithoutUrls, err: errorWithoutUrls },
    },
    pino.destination({ fd: 2, sync: true }),
  );
}

/** A driver's error may quote the connection string or a signed link. */
function errorWithoutUrls(error: Error): object {
  const serialized = stdSerializers.err(error);
  return JSON.parse(
    JSON.stringify(serialized).replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s"'\\]+/gi, '$1[redacted]'),
  );
}

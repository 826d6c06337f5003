import type { IncomingMessage } from 'node:http';
import type { Credentials } from '../domain/viewer.ts';

/** What a request shows of who sends it. `address` is the client's, proxies that are trusted taken into account. */
export function credentialsOf({ headers }: Pick<IncomingMessage, 'headers'>, address: string | undefined) {
  const apiKey = headers['x-api-key'];
  return {
    apiKey: typeof apiKey === 'string' ? apiKey : undefined,
    cookie: headers.cookie,
    origin: { address: address ?? null, userAgent: headers['user-agent'] ?? null },
  } satisfies Credentials;
}

import { Redis } from 'ioredis';
import type { Logger } from '../domain/services.ts';

/** Longest pause between two attempts to reach a server that went away. */
const MAX_RECONNECT_DELAY_MS = 2_000;

export interface RedisConnections {
  /** For requests of the API: fails within seconds when Redis does not answer. */
  open(purpose: 'queue' | 'publisher'): Redis;
  /** For connections that wait: workers and subscribers keep trying for ever. */
  openPatient(purpose: 'worker' | 'subscriber'): Redis;
  close(): Promise<void>;
}

/** One factory for every connection to Redis, so that all are watched and closed. */
export function openRedis(url: string, logger: Logger): RedisConnections {
  const clients: Redis[] = [];
  const keep = (purpose: string, client: Redis) => {
    // Without a listener an unreachable server would end the process.
    client.on('error', (error) => logger.warn({ error, purpose }, 'redis connection trouble'));
    clients.push(client);
    return client;
  };
  const retryStrategy = (attempt: number) => Math.min(attempt * 100, MAX_RECONNECT_DELAY_MS);
  return {
    open: (purpose) =>
      keep(
        purpose,
        new Redis(url, {
          maxRetriesPerRequest: 1,
          commandTimeout: 5_000,
          connectTimeout: 5_000,
          retryStrategy,
          connectionName: `sidecar-${purpose}`,
        }),
      ),
    openPatient: (purpose) =>
      keep(
        purpose,
        new Redis(url, { maxRetriesPerRequest: null, retryStrategy, connectionName: `sidecar-${purpose}` }),
      ),
    async close() {
      for (const client of clients) client.disconnect();
    },
  };
}

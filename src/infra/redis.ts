import { Redis } from 'ioredis';
import type { Logger } from '../domain/services.ts';
import { atMost } from './patience.ts';

/** Longest pause between two attempts to reach a server that went away. */
const MAX_RECONNECT_DELAY_MS = 2_000;
const GOODBYE_MS = 1_000;

export interface RedisConnections {
  /** For requests of the API: fails within seconds when Redis does not answer. */
  open(purpose: 'queue' | 'publisher' | 'limits'): Redis;
  /** For connections that wait: workers and subscribers keep trying for ever. */
  openPatient(purpose: 'worker' | 'subscriber'): Redis;
  /** Ends all connections, and what still waits on them fails. Takes a second at most, whatever state they are in. */
  close(): Promise<void>;
}

/** One factory for every connection to Redis, copies made by others included, so that all are watched and closed. */
export function openRedis(url: string, logger: Logger): RedisConnections {
  const clients = new Set<Redis>();
  const keep = (purpose: string, client: Redis) => {
    // Without a listener an unreachable server would end the process.
    client.on('error', (error) => logger.warn({ error, purpose }, 'redis connection trouble'));
    client.on('end', () => clients.delete(client));
    client.on('connecting', () => clients.add(client));
    clients.add(client);
    endOnDisconnect(client);
    const duplicate = client.duplicate.bind(client);
    client.duplicate = (override) => keep(purpose, duplicate(override));
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
      await Promise.all(Array.from(clients, end));
    },
  };
}

/** Says goodbye where somebody hears it, behind all that was sent before. */
async function end(client: Redis): Promise<void> {
  if (client.status === 'ready') await atMost(GOODBYE_MS, client.quit()).catch(() => undefined);
  client.disconnect();
}

/**
 * Makes `disconnect` end a client that is waiting for its next attempt as well. ioredis only stops the timer of the
 * attempt there: no `end` event ever comes, commands that wait are never refused, and who waits for either, as BullMQ
 * does when a worker is closed, waits for ever (taskforcesh/bullmq#4656).
 */
function endOnDisconnect(client: Redis): void {
  const disconnect = client.disconnect.bind(client);
  client.disconnect = (reconnect = false) => {
    if (!reconnect && client.status === 'reconnecting') {
      // The attempt, begun now, is broken off below before it opens a socket, and that ends the client.
      client.connect().catch(() => undefined);
    }
    disconnect(reconnect);
  };
}

import pg from 'pg';
import type { Database, Events, Logger } from '../../domain/services.ts';
import { channelOf } from './channel.ts';

/** All events travel on one PostgreSQL channel, for LISTEN takes only fixed names; payloads stay far below its 8,000 bytes. */
const CHANNEL = 'sidecar_events';
const RECONNECT_DELAY_MS = 500;
const CONNECT_TIMEOUT_MS = 10_000;

type Listener = (payload: unknown) => void;

/** Events over PostgreSQL's LISTEN and NOTIFY, for a server without Redis. Holds one connection. */
export async function openPostgresEvents(
  url: string,
  database: Database,
  logger: Logger,
): Promise<Events & { close(): Promise<void> }> {
  const listeners = new Map<string, Set<Listener>>();
  let closed = false;
  let client: pg.Client | null = null;
  let retry: NodeJS.Timeout | undefined;

  async function connect(): Promise<void> {
    const next = new pg.Client({
      connectionString: url,
      application_name: 'sidecar-events',
      keepAlive: true,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    });
    next.on('notification', (message) => {
      const { channel, payload } = JSON.parse(message.payload ?? '{}') as {
        channel: string;
        payload: unknown;
      };
      for (const listener of listeners.get(channel) ?? []) listener(payload);
    });
    // Until it listens, whoever called `connect` hears of a failure; afterwards a lost connection is told here, once.
    const lose = (error?: Error) => {
      if (closed || client !== next) return;
      client = null;
      logger.warn({ error }, 'the connection for events was lost');
      next.end().catch(() => undefined);
      reconnectLater();
    };
    next.on('error', lose);
    next.on('end', () => lose());
    try {
      await next.connect();
      await next.query(`LISTEN ${CHANNEL}`);
    } catch (error) {
      next.end().catch(() => undefined);
      throw error;
    }
    if (closed) await next.end();
    else client = next;
  }

  function reconnectLater() {
    clearTimeout(retry);
    retry = setTimeout(async () => {
      try {
        await connect();
        for (const set of listeners.values()) for (const listener of set) listener(null);
      } catch (error) {
        logger.warn({ error }, 'the connection for events could not be made again');
        if (!closed) reconnectLater();
      }
    }, RECONNECT_DELAY_MS);
  }

  await connect();
  return {
    async publish(event, key, payload) {
      const message = JSON.stringify({ channel: channelOf(event, key), payload });
      await database.query('SELECT pg_notify($1, $2)', [CHANNEL, message]);
    },
    async listen(event, key, listener) {
      const channel = channelOf(event, key);
      const set = listeners.get(channel) ?? new Set();
      listeners.set(channel, set);
      set.add(listener as Listener);
      return async () => {
        set.delete(listener as Listener);
        if (set.size === 0) listeners.delete(channel);
      };
    },
    async close() {
      closed = true;
      clearTimeout(retry);
      listeners.clear();
      await client?.end().catch(() => undefined);
    },
  };
}

import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import type { RedisConfig } from '../config.ts';
import type { Logger } from '../domain/services.ts';
import { atMost } from './patience.ts';

/** Longest pause between two attempts to reach a server that went away. */
const MAX_RECONNECT_DELAY_MS = 2_000;
const GOODBYE_MS = 1_000;
const ANSWER_MS = 5_000;

export type RedisClient = Redis | Cluster;

export interface RedisConnections {
  /** For requests of the API: fails within seconds when Redis does not answer. */
  open(purpose: 'queue' | 'limits'): RedisClient;
  /** For connections that wait: workers keep trying for ever. */
  openPatient(purpose: 'worker'): RedisClient;
  /** The same two for events: of a cluster one node, which passes on to all and hears from all. */
  openPublisher(): Redis;
  openSubscriber(): Redis;
  /** Ends all connections, and what still waits on them fails. Takes a second at most, whatever state they are in. */
  close(): Promise<void>;
}

const retryStrategy = (attempt: number) => Math.min(attempt * 100, MAX_RECONNECT_DELAY_MS);
const hasty = {
  maxRetriesPerRequest: 1,
  commandTimeout: ANSWER_MS,
  connectTimeout: ANSWER_MS,
  retryStrategy,
};
const patient = { maxRetriesPerRequest: null, retryStrategy };

/** A connection on which an answer is due for so long is taken for lost. A worker waits ten seconds for the next job. */
const SILENCE_MS = 30_000;

/** One factory for every connection to Redis, copies made by others included, so that all are watched and closed. */
export function openRedis(
  config: RedisConfig,
  logger: Logger,
  { silenceMs = SILENCE_MS } = {},
): RedisConnections {
  const clients = new Set<RedisClient>();
  const keep = <Client extends RedisClient>(purpose: string, client: Client): Client => {
    // Without a listener an unreachable server would end the process.
    for (const event of ['error', 'node error']) {
      client.on(event, (error) => logger.warn({ error, purpose }, 'redis connection trouble'));
    }
    client.on('end', () => clients.delete(client));
    client.on('connecting', () => clients.add(client));
    clients.add(client);
    endOnDisconnect(client);
    const duplicate = client.duplicate.bind(client) as (...args: unknown[]) => RedisClient;
    client.duplicate = (...args: unknown[]) => keep(purpose, duplicate(...args)) as never;
    return client;
  };
  const named = (purpose: string) => ({ connectionName: `sidecar-${purpose}`, socketTimeout: silenceMs });
  return {
    open: (purpose) => keep(purpose, connectRedis(config, { ...hasty, ...named(purpose) })),
    openPatient: (purpose) => keep(purpose, connectRedis(config, { ...patient, ...named(purpose) })),
    openPublisher: () => keep('publisher', connectToOne(config, { ...hasty, ...named('publisher') })),
    openSubscriber: () => keep('subscriber', connectToOne(config, { ...patient, ...named('subscriber') })),
    async close() {
      await Promise.all(Array.from(clients, end));
    },
  };
}

/** A client of whatever Redis is configured; of a cluster, the options are those of each node's connection. */
export function connectRedis(
  config: RedisConfig,
  options: RedisOptions & Pick<ClusterOptions, 'slotsRefreshTimeout'>,
): RedisClient {
  if (config.kind !== 'cluster') return connectToOne(config, options);
  const {
    lazyConnect,
    retryStrategy: clusterRetryStrategy = null,
    maxRetriesPerRequest,
    ...forNodes
  } = options;
  return new Cluster(config.nodes, {
    redisOptions: { ...forNodes, ...accessOf(config) },
    lazyConnect,
    clusterRetryStrategy: clusterRetryStrategy as ClusterOptions['clusterRetryStrategy'],
    slotsRefreshTimeout: ANSWER_MS,
    // What may wait does so while no node is there; the rest fails at once.
    enableOfflineQueue: maxRetriesPerRequest === null,
    // Certificates are for names, and a managed cluster's nodes may be known by nothing else.
    dnsLookup: config.tls ? (address, done) => done(null, address) : undefined,
  });
}

/** The connections to the servers that hold the data: of a cluster to every primary. */
export const serversOf = (client: RedisClient): Redis[] =>
  client instanceof Cluster ? client.nodes('master') : [client];

/** A connection to one server: the only one, the primary, or any node of a cluster, another one after each failure. */
function connectToOne(config: RedisConfig, options: RedisOptions): Redis {
  if (config.kind === 'server') return new Redis(config.url, options);
  if (config.kind === 'sentinel') {
    const { sentinels, primary, db, sentinelUsername, sentinelPassword } = config;
    return new Redis({
      ...options,
      ...accessOf(config),
      sentinels,
      name: primary,
      db,
      sentinelUsername,
      sentinelPassword,
      enableTLSForSentinelMode: config.tls,
      sentinelTLS: config.tls ? {} : undefined,
      sentinelCommandTimeout: ANSWER_MS,
      sentinelRetryStrategy: options.retryStrategy ?? undefined,
    });
  }
  const { nodes } = config;
  const client = new Redis({
    ...options,
    ...accessOf(config),
    ...nodes[0],
    retryStrategy(attempt) {
      Object.assign(client.options, nodes[attempt % nodes.length]);
      return options.retryStrategy?.(attempt);
    },
  });
  return client;
}

const accessOf = ({ tls, username, password }: { tls: boolean; username?: string; password?: string }) => ({
  username,
  password,
  tls: tls ? {} : undefined,
});

/** Says goodbye where somebody hears it, behind all that was sent before. */
async function end(client: RedisClient): Promise<void> {
  if (client.status === 'ready') await atMost(GOODBYE_MS, client.quit()).catch(() => undefined);
  client.disconnect();
}

/**
 * Makes `disconnect` end a client that is waiting for its next attempt as well. ioredis only stops the timer of the
 * attempt there: no `end` event ever comes, commands that wait are never refused, and who waits for either, as BullMQ
 * does when a worker is closed, waits for ever (taskforcesh/bullmq#4656).
 */
function endOnDisconnect(client: RedisClient): void {
  const disconnect = client.disconnect.bind(client);
  client.disconnect = (reconnect = false) => {
    if (!reconnect && client.status === 'reconnecting') {
      // The attempt, begun now, is broken off below before it opens a socket, and that ends the client.
      client.connect().catch(() => undefined);
    }
    disconnect(reconnect);
  };
}

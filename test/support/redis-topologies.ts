import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Certificates } from './certificates.ts';
import { findFreePort } from './free-port.ts';
import { answersPing, type RedisProcess, runRedis } from './redis.ts';
import { until } from './until.ts';

export interface RedisTopology {
  /** As REDIS_URL wants it. */
  url: string;
  password: string;
  close(): Promise<void>;
}

/** How soon servers take one of theirs for dead. */
const DOWN_AFTER_MS = '1000';
const PRIMARY = 'sidecar';
const SLOTS = 16_384;

/** A Redis that speaks TLS alone and wants a password. The process must trust the authority. */
export async function startSecureRedis(certificates: Certificates): Promise<RedisTopology> {
  const [port, password] = [await findFreePort(), makePassword()];
  const server = await runRedis({
    port: '0',
    'tls-port': String(port),
    'tls-cert-file': certificates.certificate,
    'tls-key-file': certificates.key,
    'tls-ca-cert-file': certificates.authority,
    'tls-auth-clients': 'no',
    requirepass: password,
  });
  const url = `rediss://:${password}@localhost:${port}`;
  await server.until(() => answersPing(url));
  return { url, password, close: server.close };
}

/** A primary with a replica, and three Sentinels that watch them. All want passwords. */
export async function startSentinels(): Promise<RedisTopology & { killPrimary(): Promise<void> }> {
  const [password, sentinelPassword] = [makePassword(), makePassword()];
  const servers: RedisProcess[] = [];
  const start = async (settings: Record<string, string>, ofServer: string, sentinel?: string[]) => {
    const port = await findFreePort();
    const server = await runRedis({ port: String(port), requirepass: ofServer, ...settings }, sentinel);
    servers.push(server);
    await server.until(() => answersPing(`redis://:${ofServer}@127.0.0.1:${port}`));
    return { port, server };
  };
  const ofData = { masterauth: password, 'repl-diskless-sync-delay': '0' };
  const primary = await start(ofData, password);
  const replica = await start({ ...ofData, replicaof: `127.0.0.1 ${primary.port}` }, password);
  const replicaUrl = `redis://:${password}@127.0.0.1:${replica.port}`;
  await until('the replica has caught up', async () =>
    (await ask(replicaUrl, (client) => client.info('replication'))).includes('master_link_status:up'),
  );
  const ports: number[] = [];
  for (let count = 0; count < 3; count++) {
    const sentinel = await start({}, sentinelPassword, [
      `sentinel monitor ${PRIMARY} 127.0.0.1 ${primary.port} 2`,
      `sentinel auth-pass ${PRIMARY} ${password}`,
      `sentinel sentinel-pass ${sentinelPassword}`,
      `sentinel down-after-milliseconds ${PRIMARY} ${DOWN_AFTER_MS}`,
      `sentinel failover-timeout ${PRIMARY} 5000`,
    ]);
    ports.push(sentinel.port);
  }
  // They find each other, and the replica, by what they hear on the primary.
  await until('all Sentinels know each other and the replica', async () => {
    const seen = await Promise.all(
      ports.map((port) =>
        ask(`redis://:${sentinelPassword}@127.0.0.1:${port}`, (client) => client.info('sentinel')),
      ),
    );
    return seen.every((info) => info.includes('slaves=1,sentinels=3'));
  });
  const hosts = ports.map((port) => `127.0.0.1:${port}`).join(',');
  return {
    url: `redis+sentinel://:${password}@${hosts}/${PRIMARY}?sentinelPassword=${sentinelPassword}`,
    password,
    killPrimary: primary.server.kill,
    async close() {
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

/** Three nodes that share the slots and want a password. */
export async function startCluster(): Promise<RedisTopology> {
  const password = makePassword();
  const nodes: { port: number; bus: number; url: string; server: RedisProcess }[] = [];
  for (let index = 0; index < 3; index++) {
    const [port, bus] = [await findFreePort(), await findFreePort()];
    const server = await runRedis({
      port: String(port),
      'cluster-enabled': 'yes',
      'cluster-port': String(bus),
      'cluster-node-timeout': DOWN_AFTER_MS,
      requirepass: password,
      masterauth: password,
    });
    const url = `redis://:${password}@127.0.0.1:${port}`;
    nodes.push({ port, bus, url, server });
    await server.until(() => answersPing(url));
    const [from, to] = [index, index + 1].map((part) => Math.floor((part * SLOTS) / 3));
    await ask(url, async (client) => {
      await client.call('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
      await client.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String((to ?? 0) - 1));
      for (const other of nodes.slice(0, -1))
        await client.call('CLUSTER', 'MEET', '127.0.0.1', String(other.port), String(other.bus));
    });
  }
  await until('the cluster is whole', async () => {
    const seen = await Promise.all(nodes.map(({ url }) => ask(url, (client) => client.cluster('INFO'))));
    return seen.every((info) => /cluster_state:ok.*cluster_known_nodes:3/s.test(String(info)));
  });
  const ports = [await findFreePort(), ...nodes.slice(0, 2).map(({ port }) => port)];
  return {
    // The first is gone, and the others tell of the last.
    url: `redis+cluster://:${password}@${ports.map((port) => `127.0.0.1:${port}`)}`,
    password,
    async close() {
      await Promise.all(nodes.map(({ server }) => server.close()));
    },
  };
}

const makePassword = () => randomBytes(12).toString('hex');

async function ask<T>(url: string, question: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
  client.on('error', () => undefined);
  try {
    return await question(client);
  } finally {
    client.disconnect();
  }
}

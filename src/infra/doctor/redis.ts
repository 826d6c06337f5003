import type { Redis } from 'ioredis';
import type { RedisConfig } from '../../config.ts';
import { connectRedis, type RedisClient, serversOf } from '../redis.ts';
import { type Check, mend, note, ok, reasonOf } from './finding.ts';

/** BullMQ recommends it, and RESP3 needs 6. */
const MIN_VERSION = [6, 2] as const;
const KEY = 'sidecar-doctor';

/** Whether Redis answers, is new enough, takes writes, and keeps every job; of a cluster, whether all of it does. */
export async function* checkRedis(config: RedisConfig): Check {
  const client = connectRedis(config, {
    lazyConnect: true,
    connectTimeout: 5_000,
    commandTimeout: 5_000,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectionName: 'sidecar-doctor',
  });
  let lost: Error | undefined;
  // The reason stands there, and the command knows only that the connection is closed.
  for (const event of ['error', 'sentinelError', 'node error']) {
    client.on(event, (error) => {
      lost = error;
    });
  }
  try {
    await client.connect();
    await client.ping();
  } catch (error) {
    client.disconnect();
    yield mend(
      `Redis cannot be reached: ${reasonOf(lost ?? error)}. Correct REDIS_URL, or start the server.`,
    );
    return;
  }
  try {
    if (client.isCluster) yield* checkCluster(client);
    for (const server of serversOf(client)) yield* checkServer(server);
    yield* checkWrites(client);
    for (const server of serversOf(client)) yield* checkSettings(server);
  } finally {
    client.disconnect();
  }
}

async function* checkCluster(client: RedisClient): Check {
  const info = String(await client.cluster('INFO'));
  if (!info.includes('cluster_state:ok')) {
    yield mend(
      'The cluster does not cover every slot, or too few of its nodes see each other: redis-cli --cluster check says more.',
    );
  }
}

async function* checkServer(client: Redis): Check {
  const info = await client.info();
  const fact = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
  const version = fact('redis_version');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isOld = major < MIN_VERSION[0] || (major === MIN_VERSION[0] && minor < MIN_VERSION[1]);
  if (isOld) yield mend(`Redis is version ${version}. Sidecar needs ${MIN_VERSION.join('.')} or newer.`);
  else yield ok(`Redis ${version} answers.`);
  const [used, limit] = [Number(fact('used_memory')), Number(fact('maxmemory'))];
  if (limit > 0 && used > limit * 0.9) {
    yield mend(
      `Redis has used ${Math.round((used / limit) * 100)} % of its maxmemory, and refuses jobs at 100 %. Raise maxmemory.`,
    );
  }
}

async function* checkWrites(client: RedisClient): Check {
  try {
    await client.set(KEY, '1', 'EX', 10);
    await client.del(KEY);
  } catch (error) {
    yield mend(
      `Redis refuses to write: ${reasonOf(error)}. Name the primary in REDIS_URL, and let its user write.`,
    );
  }
}

async function* checkSettings(client: Redis): Check {
  const read = async (name: string) => ((await client.config('GET', name)) as string[])[1] ?? '';
  let policy: string;
  try {
    policy = await read('maxmemory-policy');
  } catch {
    yield note('Redis does not tell its settings. See for yourself that maxmemory-policy is noeviction.');
    return;
  }
  if (policy === 'noeviction') yield ok('Redis evicts nothing.');
  else {
    yield mend(
      `Redis evicts keys (maxmemory-policy ${policy}) and would lose jobs. Set maxmemory-policy to noeviction, in its configuration as well.`,
    );
  }
  if ((await read('appendonly')) !== 'yes') {
    yield note(
      'Redis does not write each change to disk (appendonly no). A queue that is lost is rebuilt within a minute; set appendonly yes to keep it.',
    );
  }
}

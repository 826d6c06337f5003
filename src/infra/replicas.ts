import type { ReadSource, Replicas } from '../domain/reading.ts';
import type { Database, Logger } from '../domain/services.ts';
import type { PrismaClient } from '../generated/prisma/client.ts';
import { openDatabase } from './database.ts';
import type { PoolState } from './metrics.ts';

/** A replica is nearby, and there is another place to read from. */
const CONNECT_TIMEOUT_MS = 2_000;
/** For so long a replica that failed is left alone. */
const AWAY_MS = 5_000;
/** So many users are remembered; beyond that replicas are asked again. */
const MAX_REMEMBERED = 100_000;

interface Replica extends ReadSource {
  name: string;
  /** The newest version of each user's row that was seen there. */
  seen: Map<string, string>;
  awayUntilMs: number;
  ask: Database;
  pools: Record<string, PoolState>;
  close(): Promise<void>;
}

/** Replicas of `primary`, each on pools of its own, such as `replica 1 bulk`. What fails on one is asked of the primary. */
export function openReplicas(
  urls: string[],
  primary: ReadSource,
  logger: Logger,
): Replicas & { pools: Record<string, PoolState>; close(): Promise<void> } {
  const replicas = urls.map((url, index) => openReplica(url, `replica ${index + 1}`, primary, logger));
  let turn = 0;
  return {
    async pick(userId, version) {
      turn += 1;
      for (let at = 0; at < replicas.length; at++) {
        const replica = replicas[(turn + at) % replicas.length];
        if (
          replica &&
          performance.now() >= replica.awayUntilMs &&
          (await shows(replica, userId, version, logger))
        )
          return replica;
      }
      return null;
    },
    pools: Object.fromEntries(
      replicas.flatMap(({ name, pools }) =>
        Object.entries(pools).map(([pool, state]) => [`${name} ${pool}`, state]),
      ),
    ),
    async close() {
      await Promise.all(replicas.map((replica) => replica.close()));
    },
  };
}

function openReplica(url: string, name: string, primary: ReadSource, logger: Logger): Replica {
  const opened = openDatabase({ url, logger, connectTimeoutMs: CONNECT_TIMEOUT_MS });
  /** Asks the primary after a failure; when it does better, the replica was at fault. */
  const orPrimary = async <T>(onReplica: () => Promise<T>, onPrimary: () => Promise<T>): Promise<T> => {
    try {
      return await onReplica();
    } catch (error) {
      const answer = await onPrimary();
      leaveAlone(replica, error, logger);
      return answer;
    }
  };
  const replica: Replica = {
    name,
    seen: new Map(),
    awayUntilMs: 0,
    ask: opened.database,
    prisma: prismaOr(opened.prisma, primary.prisma, orPrimary),
    database: {
      ...primary.database,
      query: <Row extends object>(text: string, values?: unknown[], statement?: string) =>
        orPrimary(
          () => opened.database.query<Row>(text, values, statement),
          () => primary.database.query<Row>(text, values, statement),
        ),
    },
    pools: opened.pools,
    close: opened.close,
  };
  return replica;
}

type OrPrimary = <T>(onReplica: () => Promise<T>, onPrimary: () => Promise<T>) => Promise<T>;
type Operations = Record<string, (...args: unknown[]) => Promise<unknown>>;

function prismaOr(replica: PrismaClient, primary: PrismaClient, orPrimary: OrPrimary): PrismaClient {
  const extended = replica.$extends({
    query: {
      $allOperations({ model, operation, args, query }) {
        const name = model && `${model.charAt(0).toLowerCase()}${model.slice(1)}`;
        const target = (name ? primary[name as keyof PrismaClient] : primary) as unknown as Operations;
        const given = Array.isArray(args) ? args : [args];
        return orPrimary(
          () => query(args),
          async () => target[operation]?.(...given),
        );
      },
    },
  });
  return extended as unknown as PrismaClient;
}

async function shows(replica: Replica, userId: string, version: string, logger: Logger): Promise<boolean> {
  if (replica.seen.get(userId) === version) return true;
  try {
    const [user] = await replica.ask.query<{ version: string }>(
      'SELECT xmin::text AS version FROM users WHERE id = $1 AND pg_is_in_recovery()',
      [userId],
    );
    if (user?.version !== version) return false;
    if (replica.seen.size >= MAX_REMEMBERED) replica.seen.clear();
    replica.seen.set(userId, version);
    return true;
  } catch (error) {
    leaveAlone(replica, error, logger);
    return false;
  }
}

/** What comes back under its address may be another one, and know less. */
function leaveAlone(replica: Replica, error: unknown, logger: Logger): void {
  replica.seen.clear();
  replica.awayUntilMs = performance.now() + AWAY_MS;
  logger.warn({ error, replica: replica.name }, 'a replica failed, and the primary answers in its place');
}

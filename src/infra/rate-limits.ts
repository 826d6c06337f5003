import {
  RateLimiterMemory,
  RateLimiterPostgres,
  RateLimiterRedis,
  RateLimiterRes,
  type RateLimiterStoreAbstract,
} from 'rate-limiter-flexible';
import { TooManyRequestsError } from '../domain/errors.ts';
import { type LimitName, type Limits, rateLimits, type Spender } from '../domain/limits.ts';
import type { Database, Logger } from '../domain/services.ts';
import { networkOf } from './networks.ts';
import type { RedisClient } from './redis.ts';

/** So many spenders that have nothing left are remembered; beyond that the store is asked again. */
const MAX_REMEMBERED = 10_000;

export interface RateLimitOptions {
  /** Multiplies every limit; 0 lifts them. */
  factor: number;
  /** Null: the counts stand in PostgreSQL. */
  redis: RedisClient | null;
  database: Database;
  logger: Logger;
}

/** Counts in Redis, or in the table `rate_limits`, and in this process's memory while its store does not answer. */
export function createRateLimits({ factor, redis, database, logger }: RateLimitOptions): Limits {
  if (factor === 0) return { spend: async () => undefined, check: () => undefined };

  const limiters = new Map<LimitName, RateLimiterStoreAbstract>();
  for (const name of Object.keys(rateLimits) as LimitName[]) {
    const { uses, windowSeconds } = rateLimits[name];
    const shared = {
      keyPrefix: `sidecar:limit:${name}`,
      points: Math.max(1, Math.round(uses * factor)),
      duration: windowSeconds,
    };
    const insured = { ...shared, insuranceLimiter: new RateLimiterMemory(shared) };
    limiters.set(
      name,
      redis
        ? new RateLimiterRedis({ ...insured, storeClient: redis, rejectIfRedisNotReady: true })
        : new RateLimiterPostgres({
            ...insured,
            storeClient: asPool(database),
            storeType: 'pool',
            tableName: 'rate_limits',
            tableCreated: true,
            // All limiters share the table: one of them sweeps it.
            clearExpiredByTimeout: limiters.size === 0,
          }),
    );
  }

  const blockedUntilMs = new Map<string, number>();
  const check = (name: LimitName, spender: Spender) => {
    const until = blockedUntilMs.get(`${name} ${keyOf(spender)}`);
    if (until === undefined) return;
    const leftMs = until - performance.now();
    if (leftMs > 0) throw new TooManyRequestsError(leftMs / 1_000);
    blockedUntilMs.delete(`${name} ${keyOf(spender)}`);
  };
  return {
    check,
    async spend(name, spender) {
      check(name, spender);
      const key = keyOf(spender);
      try {
        await limiters.get(name)?.consume(key);
      } catch (error) {
        if (!(error instanceof RateLimiterRes)) throw error;
        if (blockedUntilMs.size >= MAX_REMEMBERED) blockedUntilMs.clear();
        blockedUntilMs.set(`${name} ${key}`, performance.now() + error.msBeforeNext);
        logger.warn({ limit: name, spender: key }, 'a rate limit is reached');
        throw new TooManyRequestsError(error.msBeforeNext / 1_000);
      }
    },
  };
}

/** What the limiter calls of a pool. */
function asPool(database: Database) {
  return {
    async query({ text, values }: { text: string; values: unknown[] }) {
      const rows = await database.query(text, values);
      return { rows, rowCount: rows.length };
    },
  };
}

function keyOf(spender: Spender): string {
  return 'userId' in spender ? `user:${spender.userId}` : `address:${networkOf(spender.address)}`;
}

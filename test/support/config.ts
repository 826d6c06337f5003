import { ConfigError, loadConfig, type RedisConfig } from '../../src/config.ts';

/** What is wrong with an environment, one entry a problem. */
export function problemsOf(env: Record<string, string>): string[] {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** How a REDIS_URL is understood. */
export function redisConfigOf(url: string): RedisConfig {
  const { redis } = loadConfig({ DB_URL: 'postgresql://localhost/x', REDIS_URL: url });
  if (!redis) throw new Error('There is no URL');
  return redis;
}

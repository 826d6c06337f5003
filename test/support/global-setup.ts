import type { TestProject } from 'vitest/node';
import { buildWeb, isWebCurrent } from '../../src/web-build.ts';
import { openTestPostgres } from './postgres.ts';
import { openTestRedis } from './redis.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The server of this run, with a user that may create databases. */
    postgresUrl: string;
    redisUrl: string;
  }
}

/** One PostgreSQL with a migrated template, and one Redis, for all files of the run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (!(await isWebCurrent())) await buildWeb();
  const [postgres, redis] = await Promise.allSettled([openTestPostgres(), openTestRedis()]);
  const close = async () => {
    for (const server of [postgres, redis]) {
      if (server.status === 'fulfilled') await server.value.close();
    }
  };
  if (postgres.status === 'rejected' || redis.status === 'rejected') {
    await close();
    const reasons = [postgres, redis].flatMap((server) =>
      server.status === 'rejected' ? [server.reason] : [],
    );
    throw new AggregateError(reasons, 'The servers that the tests need did not start');
  }
  project.provide('postgresUrl', postgres.value.url);
  project.provide('redisUrl', redis.value.url);
  return close;
}

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

/** The pages, one PostgreSQL with a migrated template, and one Redis, for all files of the run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [postgres, redis, web] = await Promise.allSettled([
    openTestPostgres(),
    openTestRedis(),
    bringPages(),
  ]);
  const close = async () => {
    for (const server of [postgres, redis]) {
      if (server.status === 'fulfilled') await server.value.close();
    }
  };
  if (postgres.status === 'rejected' || redis.status === 'rejected' || web.status === 'rejected') {
    await close();
    const reasons = [postgres, redis, web].flatMap((part) =>
      part.status === 'rejected' ? [part.reason] : [],
    );
    throw new AggregateError(reasons, 'What the tests need could not be started');
  }
  project.provide('postgresUrl', postgres.value.url);
  project.provide('redisUrl', redis.value.url);
  return close;
}

async function bringPages(): Promise<void> {
  if (!(await isWebCurrent())) await buildWeb();
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { findFreePort } from './free-port.ts';
import { findInstalled } from './installed.ts';
import { until } from './until.ts';

const STOP_PATIENCE_MS = 10_000;

/**
 * The Redis of the run: REDIS_URL when it is set, else a private redis-server of the PATH, which apt-get installs
 * first where that is possible. Throws an Error that says what to install.
 */
export async function openTestRedis(): Promise<{ url: string; close(): Promise<void> }> {
  const given = process.env.REDIS_URL;
  if (given) return { url: given, close: async () => undefined };
  return await startRedis();
}

/**
 * A Redis of the caller's own, to be stopped and started as a test likes. `close` ends it and removes its data. With a
 * `directory` it writes an append-only file there, which stays for the next one.
 */
export async function startRedis(
  options: { port?: number; directory?: string } = {},
): Promise<{ url: string; port: number; pid: number; close(): Promise<void> }> {
  const { port = await findFreePort(), directory } = options;
  const keeping: Record<string, string> = directory ? { dir: directory, appendonly: 'yes' } : {};
  const server = await runRedis({ port: String(port), databases: '64', ...keeping });
  const url = `redis://127.0.0.1:${port}`;
  await server.until(() => answersPing(url));
  return { url, port, pid: server.pid, close: server.close };
}

export interface RedisProcess {
  pid: number;
  /** Waits until `isReady`; throws when the program ends before. */
  until(isReady: () => Promise<unknown>): Promise<void>;
  /** As a crash would end it. */
  kill(): Promise<void>;
  /** Ends it and removes its data. */
  close(): Promise<void>;
}

/** Runs redis-server on loopback in a folder of its own, with these settings; as a Sentinel with the lines of its file. */
export async function runRedis(settings: Record<string, string>, sentinel?: string[]): Promise<RedisProcess> {
  const program = await findRedis();
  const directory = await mkdtemp(join(tmpdir(), 'sidecar-redis-'));
  const file = join(directory, 'redis.conf');
  const data = { save: '', appendonly: 'no', 'maxmemory-policy': 'noeviction' };
  const all = { bind: '127.0.0.1', dir: directory, ...(sentinel ? {} : data), ...settings };
  const lines = Object.entries(all).map(([name, value]) => `${name} ${value || '""'}`);
  await writeFile(file, [...lines, ...(sentinel ?? []), ''].join('\n'));
  const child = spawn(program, [file, ...(sentinel ? ['--sentinel'] : [])], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  const onExit = () => child.kill('SIGKILL');
  process.once('exit', onExit);
  return {
    pid: child.pid ?? 0,
    async until(isReady) {
      await Promise.race([
        until('Redis answers', isReady),
        exited.then(([code]) => Promise.reject(new Error(`redis-server ended with code ${code}`))),
      ]);
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    async close() {
      process.off('exit', onExit);
      child.kill('SIGTERM');
      const insist = setTimeout(() => child.kill('SIGKILL'), STOP_PATIENCE_MS);
      await exited;
      clearTimeout(insist);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/**
 * A database of the run's Redis for one test server. Only an empty one is taken, so that a Redis which is used for
 * other things as well keeps what it holds. `drop` empties it again.
 */
export async function claimRedisDatabase(serverUrl: string): Promise<{ url: string; drop(): Promise<void> }> {
  const client = new Redis(serverUrl);
  try {
    const [, count] = (await client.config('GET', 'databases')) as string[];
    for (let index = 1; index < Number(count); index++) {
      await client.select(index);
      if (!(await client.eval(claimWhenEmpty, 0))) continue;
      const url = new URL(serverUrl);
      url.pathname = `/${index}`;
      return {
        url: url.href,
        async drop() {
          await client.flushdb();
          await client.quit();
        },
      };
    }
    throw new Error(`None of the ${count} databases of Redis is empty: empty one with FLUSHDB`);
  } catch (error) {
    client.disconnect();
    throw error;
  }
}

/** In one step, because other test files look for a database at the same time. */
const claimWhenEmpty = `
  if redis.call('DBSIZE') > 0 then return 0 end
  redis.call('SET', 'sidecar-test', '1')
  return 1`;

/** Whether a server answers at this URL, and to its password. */
export async function answersPing(url: string): Promise<boolean> {
  const client = new Redis(url, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
  client.on('error', () => undefined);
  try {
    return (await client.ping()) === 'PONG';
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}

async function findRedis(): Promise<string> {
  const found = await findInstalled('redis-server');
  if (found) return found;
  throw new Error(
    'The tests need Redis: install redis-server (for example "apt-get install redis-server"), or set REDIS_URL',
  );
}

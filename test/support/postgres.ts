import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { inject } from 'vitest';
import { openEmbeddedPostgres } from '../../src/infra/embedded-postgres.ts';
import { createLogger } from '../../src/infra/logger.ts';
import { migrate } from '../../src/infra/migrate.ts';

const templateName = 'sidecar_template';

/** Prints warnings and errors only. */
export const quietLogger = createLogger({ logLevel: 'warn' }, 'test');

/** Starts the run's PostgreSQL in a temporary folder and migrates the template; only the global setup calls this. */
export async function openTestPostgres(): Promise<{ url: string; close(): Promise<void> }> {
  const directory = await mkdtemp(join(await folderForDatabases(), 'sidecar-test-'));
  const settings = { fsync: 'off', full_page_writes: 'off', max_connections: '300' };
  const removeDirectory = () => rm(directory, { recursive: true, force: true });
  const server = await openEmbeddedPostgres({ directory, logger: quietLogger, settings }).catch(
    async (error) => {
      await removeDirectory();
      throw error;
    },
  );
  const close = () => server.close().then(removeDirectory);
  try {
    await query(server.url, `CREATE DATABASE ${templateName} TEMPLATE template0`);
    await migrate(databaseUrl(server.url, templateName), quietLogger);
    return { url: server.url, close };
  } catch (error) {
    await close();
    throw error;
  }
}

const MEMORY_FOLDER = '/dev/shm';
/** Several times what all databases of a run take. */
const ROOM_BYTES = 4 * 1024 ** 3;

/** In memory where there is room, for most of what a database of a test's own costs is the making of its files. */
async function folderForDatabases(): Promise<string> {
  const { bavail, bsize } = await statfs(MEMORY_FOLDER).catch(() => ({ bavail: 0, bsize: 0 }));
  return bavail * bsize >= ROOM_BYTES ? MEMORY_FOLDER : tmpdir();
}

export interface TestDatabase {
  url: string;
  /** Whether nobody is connected to it. */
  isIdle(): Promise<boolean>;
  /** Ends whatever connections are left. */
  drop(): Promise<void>;
}

/** A migrated database of the caller's own. */
export function createTestDatabase(): Promise<TestDatabase> {
  return createDatabase(templateName);
}

/** A database without any table. */
export function createEmptyDatabase(): Promise<TestDatabase> {
  return createDatabase('template0');
}

async function createDatabase(template: string): Promise<TestDatabase> {
  const server = connectServer();
  const name = `test_${randomBytes(8).toString('hex')}`;
  // A plain copy of the files needs a checkpoint first, which every other file would wait for.
  await server.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY wal_log`);
  return {
    url: databaseUrl(inject('postgresUrl'), name),
    async isIdle() {
      const { rowCount } = await server.query(
        `SELECT FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'`,
        [name],
      );
      return rowCount === 0;
    },
    async drop() {
      await server.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}

let server: pg.Pool | undefined;

/**
 * Connections to the run's server that stay from one test, and one file, to the next: PostgreSQL makes a process for
 * each, which costs it as much as a database. They do not keep this process alive.
 */
function connectServer(): pg.Pool {
  if (server) return server;
  server = new pg.Pool({
    connectionString: inject('postgresUrl'),
    idleTimeoutMillis: 0,
    allowExitOnIdle: true,
  });
  // One that is lost while nobody uses it, as all are at the end of the run, is made again when it is needed.
  server.on('error', () => undefined);
  return server;
}

/** The rows of one statement, on a connection of its own. */
export async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(text);
    return rows;
  } finally {
    await client.end();
  }
}

function databaseUrl(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { Logger } from '../domain/services.ts';
import type { SchemaEngine } from './schema-engine.ts';

export type MigrationList = Parameters<SchemaEngine['applyMigrations']>[0]['migrationsList'];

export const migrationsDirectory = fileURLToPath(new URL('../../prisma/migrations', import.meta.url));
/** Every table belongs to Sidecar. */
export const noFilter = { externalTables: [], externalEnums: [] };

const lockId = 816_220_417;
const lockPollMs = 500;

/** A migration began and did not finish: a person has to look before the next try. */
export class FailedMigrationError extends Error {
  constructor(names: string[]) {
    const first = names[0] ?? '';
    super(
      `The migration ${names.join(', ')} failed earlier, so the database is not ready. Its statements run in one ` +
        'transaction and left nothing behind; why it failed stands in the column "logs" of the table ' +
        `"_prisma_migrations". When the cause is gone, run: npm run migrate -- --retry ${first}`,
    );
    this.name = 'FailedMigrationError';
  }
}

/**
 * Brings the database up to `prisma/migrations` and answers the names of what it applied. Processes that start at
 * once wait for the first of them. Needs a session of PostgreSQL: not PgBouncer's transaction mode.
 * Throws a FailedMigrationError when an earlier run failed; `retry` names the migration to run again nevertheless. With
 * `upTo`, the name of a migration, those behind it are left out.
 */
export async function migrate(
  databaseUrl: string,
  logger: Logger,
  options: { retry?: string; directory?: string; upTo?: string } = {},
): Promise<string[]> {
  const migrationsList = await readMigrations(options.directory ?? migrationsDirectory, options.upTo);
  return await underLock(databaseUrl, logger, async (client) => {
    if (!options.retry && (await isUpToDate(client, migrationsList))) return [];
    // Loaded only when there is something to do: it keeps some 40 MB for as long as the process lives.
    const { withSchemaEngine } = await import('./schema-engine.ts');
    return await withSchemaEngine(databaseUrl, async (engine) => {
      if (options.retry) await engine.markMigrationRolledBack({ migrationName: options.retry });
      await examineHistory(engine, migrationsList, logger);
      const { appliedMigrationNames } = await engine.applyMigrations({ migrationsList, filters: noFilter });
      if (appliedMigrationNames.length > 0) logger.info({ migrations: appliedMigrationNames }, 'Migrated');
      return appliedMigrationNames;
    });
  });
}

/** Whether Prisma's own table says that just these migrations, as they are, were applied: the usual start. */
async function isUpToDate(client: pg.Client, { migrationDirectories }: MigrationList): Promise<boolean> {
  const { rows: tables } = await client.query(
    `SELECT to_regclass('_prisma_migrations') IS NOT NULL AS present`,
  );
  if (!tables[0]?.present) return false;
  const { rows } = await client.query<{ name: string; checksum: string; applied: boolean }>(
    `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS applied
     FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY migration_name`,
  );
  return (
    rows.length === migrationDirectories.length &&
    migrationDirectories.every(({ path, migrationFile: { content } }, index) => {
      const row = rows[index];
      if (content.tag !== 'ok' || !row) return false;
      return row.name === path && row.applied && row.checksum === checksumOf(content.value);
    })
  );
}

/** As Prisma's table has it of a migration that was applied. */
const checksumOf = (sql: string) => createHash('sha256').update(sql).digest('hex');

/** Names and checksums of the migrations in a directory, in order. */
export async function knownMigrations(directory: string): Promise<{ name: string; checksum: string }[]> {
  const { migrationDirectories } = await readMigrations(directory);
  return migrationDirectories.map(({ path, migrationFile: { content } }) => ({
    name: path,
    checksum: content.tag === 'ok' ? checksumOf(content.value) : '',
  }));
}

/** The migrations in order, in Prisma's layout: `<UTC timestamp>_<name>/migration.sql`; all of them, or up to one. */
export async function readMigrations(directory: string, upTo?: string): Promise<MigrationList> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .filter((name) => upTo === undefined || name <= upTo);
  const migrationDirectories = await Promise.all(
    names.sort().map(async (path) => {
      const value = await readFile(join(directory, path, 'migration.sql'), 'utf8');
      return { path, migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value } } };
    }),
  );
  const lockfile = await readFile(join(directory, 'migration_lock.toml'), 'utf8');
  return {
    baseDir: directory,
    lockfile: { path: 'migration_lock.toml', content: lockfile },
    shadowDbInitScript: '',
    migrationDirectories,
  };
}

async function examineHistory(engine: SchemaEngine, migrationsList: MigrationList, logger: Logger) {
  const { failedMigrationNames, editedMigrationNames, history } = await engine.diagnoseMigrationHistory({
    migrationsList,
    optInToShadowDatabase: false,
    filters: noFilter,
  });
  if (failedMigrationNames.length > 0) throw new FailedMigrationError(failedMigrationNames);
  if (editedMigrationNames.length > 0) {
    logger.warn({ migrations: editedMigrationNames }, 'Migrations were edited after they had been applied');
  }
  if (history?.diagnostic === 'migrationsDirectoryIsBehind' || history?.diagnostic === 'historiesDiverge') {
    logger.warn({ history }, 'The database has migrations of a newer version of Sidecar');
  }
}

/** The engine's own lock gives up after ten seconds, which a large migration of another process may well take. */
async function underLock<T>(
  databaseUrl: string,
  logger: Logger,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  let lost: Error | undefined;
  client.on('error', (error) => {
    lost = error;
  });
  await client.connect();
  try {
    let told = false;
    // Polled rather than waited for: a statement that waits holds a snapshot, which CREATE INDEX CONCURRENTLY awaits.
    while (!(await tryLock(client))) {
      if (!told) logger.info({}, 'Another process migrates the database; waiting for it');
      told = true;
      await new Promise((resolve) => setTimeout(resolve, lockPollMs));
    }
    return await work(client);
  } finally {
    if (!lost) await client.end();
  }
}

async function tryLock(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [
    lockId,
  ]);
  return rows[0]?.locked === true;
}

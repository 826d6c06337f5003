import { once } from 'node:events';
import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import {
  BackupError,
  type BackupHead,
  type BackupSummary,
  type BackupTable,
  requireKnown,
} from '../../domain/backup.ts';
import type { Files, Logger } from '../../domain/services.ts';
import { knownMigrations, migrate, migrationsDirectory } from '../migrate.ts';
import { readBackup, verifyBackup } from './read.ts';
import { endless, listMigrations, listTables, quoted } from './tables.ts';
import type { OnProgress } from './write.ts';

const decompress = promisify(zstdDecompress);

export interface RestoreOptions {
  path: string;
  databaseUrl: string;
  files: Pick<Files, 'put'>;
  logger: Logger;
  onProgress: OnProgress;
  /** Breaks it off, but for a migration, which ends first: half of one would have to be mended by hand. */
  signal?: AbortSignal;
  /** Other than this version's own. */
  migrations?: string;
}

/** What of a backup was restored. */
export interface Restored extends BackupSummary {
  /** Tables that somebody else had made beside Sidecar's own. */
  leftOut: string[];
}

/**
 * Fills an empty database and file store from a backup that is read through and checked first. Rows appear all at once,
 * in one transaction that ends when all contents are stored; then newer migrations run. Throws a BackupError, or what
 * stopped it, with the database as empty as before; contents that were stored by then stay, and a second try goes over them.
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { path, databaseUrl, logger, signal, migrations: directory = migrationsDirectory } = options;
  const known = await knownMigrations(directory);
  const head = await verifyBackup(path, ({ migrations }) => requireKnown(migrations, known), signal);
  await withClient(options, (client) => requireEmpty(client, head));
  const upTo = head.migrations.at(-1)?.name;
  await migrate(databaseUrl, logger, { directory, upTo });
  const restored = await withClient(options, (client) => load(client, head, options));
  signal?.throwIfAborted();
  await migrate(databaseUrl, logger, { directory });
  return restored;
}

async function load(client: pg.Client, head: BackupHead, options: RestoreOptions): Promise<Restored> {
  const { path, files, onProgress, signal } = options;
  await client.query('BEGIN');
  const tables = await listTables(client);
  // Nobody sees anything, or adds to it, before it is whole.
  await client.query(
    `LOCK TABLE ${tables.map(({ name }) => `public."${name}"`).join(', ')} IN ACCESS EXCLUSIVE MODE`,
  );
  await requireNoRows(client, tables);
  // The same migrations made these, and all of Sidecar's that the backup has.
  const isOwn = (name: string) => tables.some((table) => table.name === name);
  const own = head.tables.filter(({ name }) => isOwn(name));
  const rows = createLoader(client, own, onProgress);
  let stored = 0;
  let summary: BackupSummary | null = null;
  for await (const part of readBackup(path, signal)) {
    if (part.kind !== 'piece') await rows.end();
    else if (isOwn(part.table)) await rows.add(part.table, await decompress(part.compressed));
    if (part.kind === 'file') {
      await files.put(part.userId, part.content);
      stored += 1;
      onProgress('files', stored);
    } else if (part.kind === 'missing') await forgetContent(client, part);
    else if (part.kind === 'summary') summary = part.summary;
  }
  if (!summary) throw new BackupError('The backup is cut short: its end is missing.');
  rows.requireCounts(summary);
  await resetSequences(client);
  await client.query('COMMIT');
  await client.query('ANALYZE');
  const counts = Object.entries(summary.tables).filter(([name]) => isOwn(name));
  const leftOut = head.tables.map(({ name }) => name).filter((name) => !isOwn(name));
  return { ...summary, tables: Object.fromEntries(counts), leftOut };
}

/** Feeds pieces of tables, one table after the other, to one COPY each. */
function createLoader(client: pg.Client, tables: BackupTable[], onProgress: OnProgress) {
  const counts = new Map<string, number>();
  let current: { table: string; stream: ReturnType<typeof copyFrom>; failed: Promise<never> } | null = null;

  async function end(): Promise<void> {
    if (!current) return;
    const { table, stream, failed } = current;
    current = null;
    stream.end();
    await Promise.race([once(stream, 'finish'), failed]);
    counts.set(table, stream.rowCount);
    onProgress(table, stream.rowCount);
  }

  return {
    end,
    async add(name: string, bytes: Buffer): Promise<void> {
      if (current?.table !== name) {
        await end();
        const table = tables.find((each) => each.name === name);
        if (!table || counts.has(name))
          throw new BackupError(`The backup is damaged: the table ${name} stands in it twice.`);
        const stream = client.query(copyFrom(`COPY ${quoted(table)} FROM STDIN`));
        const failed = new Promise<never>((_resolve, reject) => stream.once('error', reject));
        failed.catch(() => undefined);
        current = { table: name, stream, failed };
      }
      const { stream, failed } = current;
      await Promise.race([new Promise<void>((resolve) => stream.write(bytes, () => resolve())), failed]);
    },
    requireCounts(summary: BackupSummary) {
      for (const { name } of tables) {
        if ((counts.get(name) ?? 0) !== summary.tables[name]?.rows) {
          throw new BackupError(`The backup is damaged: the table ${name} has another number of rows.`);
        }
      }
    },
  };
}

/** A later import may bring an attachment again that counts as missing; a task's file is gone, as one that has expired. */
async function forgetContent(
  client: pg.Client,
  { userId, sha256 }: { userId: string; sha256: Buffer },
): Promise<void> {
  await client.query('UPDATE assets SET sha256 = NULL, task_id = NULL WHERE user_id = $1 AND sha256 = $2', [
    userId,
    sha256,
  ]);
  await client.query(
    'UPDATE background_tasks SET file_sha256 = NULL WHERE user_id = $1 AND file_sha256 = $2',
    [userId, sha256],
  );
}

async function requireEmpty(client: pg.Client, head: BackupHead): Promise<void> {
  const applied = await listMigrations(client);
  const tables = await listTables(client);
  if (applied.length === 0 && tables.length > 0) {
    throw new BackupError('The database has tables of something else. Restore into an empty database.');
  }
  await requireNoRows(client, tables);
  if (applied.length > head.migrations.length) {
    throw new BackupError(
      'The database was migrated further than the backup. Restore into a database without tables.',
    );
  }
  requireKnown(applied, head.migrations);
}

async function requireNoRows(client: pg.Client, tables: BackupTable[]): Promise<void> {
  for (const { name } of tables) {
    const { rows } = await client.query(`SELECT FROM public."${name}" LIMIT 1`);
    if (rows.length === 0) continue;
    throw new BackupError(
      'The database is not empty: a backup is restored into an empty place only. Set DB_URL to a new database, or DATA_DIR to a new folder.',
    );
  }
}

/** Ids that the database counts go on behind the greatest that came. */
async function resetSequences(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ table: string; column: string; sequence: string }>(
    `SELECT c.relname AS table, a.attname AS column, pg_get_serial_sequence(c.oid::regclass::text, a.attname) AS sequence
     FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
       AND pg_get_serial_sequence(c.oid::regclass::text, a.attname) IS NOT NULL`,
  );
  for (const { table, column, sequence } of rows) {
    await client.query(`SELECT setval($1, coalesce(max("${column}"), 0) + 1, false) FROM public."${table}"`, [
      sequence,
    ]);
  }
}

async function withClient<T>(
  { databaseUrl, signal }: Pick<RestoreOptions, 'databaseUrl' | 'signal'>,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'sidecar-restore',
    connectionTimeoutMillis: 10_000,
    ...endless,
  });
  // The query under way reports a lost connection, too.
  client.on('error', () => undefined);
  await client.connect();
  const breakOff = () => void client.end().catch(() => undefined);
  signal?.addEventListener('abort', breakOff, { once: true });
  try {
    signal?.throwIfAborted();
    return await work(client);
  } finally {
    signal?.removeEventListener('abort', breakOff);
    // A transaction that is still open ends with its connection.
    await client.end();
  }
}

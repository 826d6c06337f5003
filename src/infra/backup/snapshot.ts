import pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { type AppliedMigration, BackupError, type BackupTable } from '../../domain/backup.ts';
import { endless, listMigrations, listTables, quoted } from './tables.ts';

/** A content that some row names. */
export interface NamedFile {
  userId: string;
  sha256: Buffer;
  /** As the rows say; null when they do not. */
  sizeBytes: number | null;
}

/** The database as it was at one moment, whatever is written meanwhile. */
export interface Snapshot {
  migrations: AppliedMigration[];
  tables: BackupTable[];
  /** A table's rows as COPY text; answers how many there were. */
  rows(table: BackupTable): AsyncGenerator<Buffer, number>;
  files(): AsyncGenerator<NamedFile>;
  close(): Promise<void>;
}

const FILES_AT_ONCE = 1_000;

/**
 * Opens one. Its transaction only reads, and holds off migrations until it is closed. Throws a BackupError for a database
 * that is not Sidecar's. Whatever it is at fails when the signal aborts.
 */
export async function openSnapshot(databaseUrl: string, signal?: AbortSignal): Promise<Snapshot> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'sidecar-backup',
    connectionTimeoutMillis: 10_000,
    ...endless,
  });
  // The query under way reports a lost connection, too.
  client.on('error', () => undefined);
  await client.connect();
  // Ends the query under way as well, even one that waits for a migration.
  signal?.addEventListener('abort', () => void client.end().catch(() => undefined), { once: true });
  try {
    signal?.throwIfAborted();
    const tables = await listTables(client);
    if (!tables.some(({ name }) => name === 'conversations')) {
      throw new BackupError('The database holds nothing of Sidecar: there is nothing to back up.');
    }
    // Locks come first, as in pg_dump: what the transaction sees is settled by the first statement behind them.
    await client.query(
      `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
       LOCK TABLE ${tables.map(({ name }) => `public."${name}"`).join(', ')} IN ACCESS SHARE MODE;
       SET LOCAL datestyle = 'ISO'; SET LOCAL intervalstyle = 'postgres'; SET LOCAL extra_float_digits = 1`,
    );
    const locked = await listTables(client);
    if (JSON.stringify(locked) !== JSON.stringify(tables)) {
      throw new BackupError('The database was migrated just now. Start the backup again.');
    }
    return { migrations: await listMigrations(client), tables, ...readingOn(client) };
  } catch (error) {
    await client.end();
    throw error;
  }
}

function readingOn(client: pg.Client): Pick<Snapshot, 'rows' | 'files' | 'close'> {
  return {
    async *rows(table) {
      const stream = client.query(copyTo(`COPY ${quoted(table)} TO STDOUT`));
      for await (const chunk of stream) yield chunk as Buffer;
      return stream.rowCount;
    },
    async *files() {
      await client.query(
        `DECLARE files NO SCROLL CURSOR FOR
         SELECT user_id AS "userId", sha256, max(bytes)::float8 AS "sizeBytes" FROM (
           SELECT user_id, sha256, size_bytes AS bytes FROM public.assets WHERE sha256 IS NOT NULL
           UNION ALL SELECT user_id, file_sha256, file_bytes FROM public.background_tasks WHERE file_sha256 IS NOT NULL
         ) named GROUP BY user_id, sha256 ORDER BY user_id, sha256`,
      );
      for (;;) {
        const { rows } = await client.query<NamedFile>(`FETCH ${FILES_AT_ONCE} FROM files`);
        yield* rows;
        if (rows.length < FILES_AT_ONCE) return;
      }
    },
    close: () => client.end(),
  };
}

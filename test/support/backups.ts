import { createHash } from 'node:crypto';
import pg from 'pg';
import { writeBackup } from '../../src/infra/backup/write.ts';
import { listBelow } from './account.ts';
import { query } from './postgres.ts';

/** Every row of every table but Prisma's own record and the counts of the rate limiter, as text and in order. */
export async function allRows(databaseUrl: string): Promise<Record<string, string[]>> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(`SET bytea_output = 'hex'`);
    const { rows: tables } = await client.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
         AND relname NOT IN ('_prisma_migrations', 'rate_limits') ORDER BY 1`,
    );
    const all: Record<string, string[]> = {};
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: string }>(
        `SELECT t::text AS row FROM "${name}" t ORDER BY 1`,
      );
      all[name] = rows.map(({ row }) => row);
    }
    return all;
  } finally {
    await client.end();
  }
}

/** How many rows are anywhere. */
export async function countRows(databaseUrl: string): Promise<number> {
  return Object.values(await allRows(databaseUrl)).reduce((sum, rows) => sum + rows.length, 0);
}

/** Every content that a row names, as `user/sha256`. */
export async function namedFiles(databaseUrl: string): Promise<string[]> {
  const rows = await query(
    databaseUrl,
    `SELECT DISTINCT user_id::text || '/' || encode(sha256, 'hex') AS name FROM (
       SELECT user_id, sha256 FROM assets UNION ALL SELECT user_id, file_sha256 FROM background_tasks
     ) t WHERE sha256 IS NOT NULL ORDER BY 1`,
  );
  return rows.map(({ name }) => String(name));
}

/** What lies below a local file store, as `user/sha256`. */
export async function storedFiles(directory: string): Promise<string[]> {
  return (await listBelow(directory)).map((path) => path.replace(/\/..\//, '/')).toSorted();
}

export const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Writes a backup as the command does. */
export const backUp = (options: Pick<Parameters<typeof writeBackup>[0], 'databaseUrl' | 'files' | 'path'>) =>
  writeBackup({ ...options, onProgress: () => undefined, signal: new AbortController().signal });

import type pg from 'pg';
import type { AppliedMigration, BackupTable } from '../../domain/backup.ts';
import { BackupError } from '../../domain/backup.ts';

/** Prisma's own record, which migrating writes, and counts that are worth nothing an hour later. */
const LEFT_OUT = ['_prisma_migrations', 'rate_limits'];

/** What a backup can name (`domain/backup.ts`), as all of Sidecar's names are. */
const NAME = /^[a-z_][a-z0-9_]*$/;

/**
 * Every table of Sidecar with its columns, each behind those that it refers to; those of others, too, where they cannot be told
 * apart, but none of an extension or with a name that Sidecar would not give.
 */
export async function listTables(client: pg.Client): Promise<BackupTable[]> {
  const { rows } = await client.query<BackupTable & { needs: string[] }>(
    `SELECT c.relname AS name,
       (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
       ARRAY(SELECT DISTINCT r.relname::text FROM pg_constraint f JOIN pg_class r ON r.oid = f.confrelid
        WHERE f.contype = 'f' AND f.conrelid = c.oid AND r.oid <> c.oid) AS needs
     FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> ALL ($1)
       AND NOT EXISTS (SELECT FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
     ORDER BY c.relname`,
    [LEFT_OUT],
  );
  const isName = (name: string) => NAME.test(name);
  const ordered: BackupTable[] = [];
  let left = rows.filter(({ name, columns }) => isName(name) && columns?.every(isName));
  while (left.length > 0) {
    const ready = left.filter(({ needs }) =>
      needs.every((name) => !left.some((table) => table.name === name)),
    );
    if (ready.length === 0)
      throw new BackupError(
        `Tables refer to each other in a circle: ${left.map(({ name }) => name).join(', ')}`,
      );
    ordered.push(...ready.map(({ name, columns }) => ({ name, columns })));
    left = left.filter((table) => !ready.includes(table));
  }
  return ordered;
}

/** The migrations that the database has, in order; none in one that Sidecar has never seen. */
export async function listMigrations(client: pg.Client): Promise<AppliedMigration[]> {
  const { rows: present } = await client.query(
    `SELECT FROM pg_class WHERE oid = to_regclass('public._prisma_migrations')`,
  );
  if (present.length === 0) return [];
  const { rows } = await client.query<AppliedMigration>(
    `SELECT migration_name AS name, checksum FROM public._prisma_migrations
     WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY migration_name`,
  );
  return rows;
}

/** As SQL names a table and its columns. */
export const quoted = ({ name, columns }: BackupTable) =>
  `public."${name}" (${columns.map((column) => `"${column}"`).join(', ')})`;

/** A session that nothing times out: a large table takes as long as it takes. */
export const endless = {
  statement_timeout: 0,
  query_timeout: 0,
  idle_in_transaction_session_timeout: 0,
  keepAlive: true,
};

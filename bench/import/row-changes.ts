import type { Stage } from './stage.ts';

const TABLES = ['conversations', 'conversation_versions', 'messages', 'message_search'];

/** How many rows there are, and a transaction that is newer than all that wrote them. */
export interface Mark {
  rows: number;
  transaction: string;
}

export async function mark(stage: Stage): Promise<Mark> {
  const counts = TABLES.map((table) => `(SELECT count(*) FROM ${table})`).join(' + ');
  const [found] = await stage.services.database.query<Mark>(
    `SELECT (${counts})::float8 AS rows, pg_current_xact_id()::text AS transaction`,
  );
  if (!found) throw new Error('PostgreSQL gave no row');
  return found;
}

/** Rows that were inserted or updated since, and those by which the tables shrank. */
export async function countRowsSince(stage: Stage, { rows, transaction }: Mark): Promise<number> {
  // A row's xmin is the transaction that wrote this version of it; 32 bits last for the minutes of a bench.
  const counts = TABLES.map(
    (table) => `(SELECT count(*) FROM ${table} WHERE xmin::text::bigint >= $1::bigint % 4294967296)`,
  ).join(' + ');
  const [found] = await stage.services.database.query<{ written: number }>(
    `SELECT (${counts})::float8 AS written`,
    [transaction],
  );
  const now = await mark(stage);
  return (found?.written ?? 0) + Math.max(0, rows - now.rows);
}

import pg from 'pg';

/** Holds everybody off a table until it is released. */
export async function lockTable(
  databaseUrl: string,
  table: string,
): Promise<{ isWaitedFor(): Promise<boolean>; release(): Promise<void> }> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
  return {
    async isWaitedFor() {
      const { rowCount } = await client.query(
        'SELECT FROM pg_locks WHERE relation = $1::regclass AND NOT granted',
        [table],
      );
      return rowCount !== 0;
    },
    async release() {
      await client.query('COMMIT');
      await client.end();
    },
  };
}

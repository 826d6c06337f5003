import pg from 'pg';

export interface Gate {
  /** Whether an import has come to the gate and waits there. */
  isWaitedFor(): Promise<boolean>;
  /** Whether somebody waits for a task's row, which the import that stands at the gate holds. */
  isTaskWaitedFor(): Promise<boolean>;
  /** Ends the connections that stand at the gate, as the server does when it notices that their client has died. */
  drop(): Promise<void>;
  /** Lets everything pass from now on. */
  open(): Promise<void>;
}

const LOCK = 4711;

/**
 * Stops imports of a database, in whatever process, at the first of such writes after so many conversations are
 * committed.
 */
export async function holdImportsAfter(
  databaseUrl: string,
  conversations: number,
  write:
    | 'INSERT ON conversations'
    | 'INSERT ON known_sources'
    | 'UPDATE OF archive_sha256 ON sync_tasks' = 'INSERT ON conversations',
): Promise<Gate> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'test-gate' });
  // A test may end the server.
  client.on('error', () => undefined);
  await client.connect();
  await client.query(`SELECT pg_advisory_lock(${LOCK})`);
  await client.query(`
    CREATE OR REPLACE FUNCTION test_gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF (SELECT count(*) FROM conversations) >= ${conversations} THEN
        PERFORM pg_advisory_xact_lock_shared(${LOCK});
      END IF;
      RETURN NULL;
    END $$;
    CREATE OR REPLACE TRIGGER test_gate BEFORE ${write} EXECUTE FUNCTION test_gate()`);
  let ended: Promise<void> | undefined;
  return {
    async isWaitedFor() {
      const { rowCount } = await client.query(
        `SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = ${LOCK} AND NOT granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
      return rowCount !== 0;
    },
    async isTaskWaitedFor() {
      const { rowCount } = await client.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
         AND query LIKE '%sync_tasks%CANCELLED%'`,
      );
      return rowCount !== 0;
    },
    async drop() {
      await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_locks
         WHERE locktype = 'advisory' AND objid = ${LOCK} AND NOT granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
    },
    open: () => {
      ended ??= client.end();
      return ended;
    },
  };
}

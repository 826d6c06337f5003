import type { Database, Logger, Transaction, VectorSupport } from '../domain/services.ts';

const LOCK_ID = 816_220_418;

/** The first with halfvec, whose vectors take half the room and lose nothing that a ranking shows. */
const MIN_VERSION = [0, 7] as const;

/**
 * Makes the table of vectors where the database can have it. Not a migration: the embedded PostgreSQL has no pgvector, so
 * the table is there or not from one database to the next. It stands in a schema of its own, where Prisma does not look
 * for differences. With `isWanted` false it only looks whether that could be done.
 */
export async function prepareVectors(
  database: Database,
  logger: Logger,
  isWanted: boolean,
): Promise<VectorSupport> {
  const [extension] = await database.query<{ version: string }>(
    `SELECT coalesce(installed_version, default_version) AS version FROM pg_available_extensions WHERE name = 'vector'`,
  );
  if (!extension) return 'MISSING';
  if (isOlder(extension.version)) return 'TOO_OLD';
  if (!isWanted) return 'READY';
  try {
    await database.transaction(makeTable);
    return 'READY';
  } catch (error) {
    logger.warn({ error }, 'pgvector is there and could not be set up: search goes by words alone');
    return 'REFUSED';
  }
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < MIN_VERSION[0] || (major === MIN_VERSION[0] && minor < MIN_VERSION[1]);
}

async function makeTable(tx: Transaction): Promise<void> {
  // Of processes that start at once the second waits here.
  await tx.query('SELECT pg_advisory_xact_lock($1)', [LOCK_ID]);
  await tx.execute('CREATE EXTENSION IF NOT EXISTS vector');
  await tx.execute('CREATE SCHEMA IF NOT EXISTS sidecar_vectors');
  // Without a number of dimensions: the model decides that, and may change.
  await tx.execute(
    `CREATE TABLE IF NOT EXISTS sidecar_vectors.message_vectors (
       user_id uuid NOT NULL,
       conversation_id uuid NOT NULL,
       node_id text NOT NULL,
       model text NOT NULL,
       dimensions int NOT NULL,
       embedding halfvec,
       PRIMARY KEY (user_id, conversation_id, node_id)
     )`,
  );
  // In the row itself, where one of usual length fits: to fetch each from beside the table takes twice as long.
  await tx.execute('ALTER TABLE sidecar_vectors.message_vectors ALTER COLUMN embedding SET STORAGE MAIN');
  await tx.execute(FORGET);
  const [trigger] = await tx.query(
    `SELECT FROM pg_trigger WHERE tgrelid = 'messages'::regclass AND tgname = 'forget_vector'`,
  );
  if (trigger) return;
  await tx.execute(
    `CREATE CONSTRAINT TRIGGER forget_vector AFTER DELETE OR UPDATE OF text, kind ON messages
     DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION sidecar_vectors.forget_vector()`,
  );
}

/**
 * A vector goes with its message, whoever deletes that, in a process without a model as well. At the end of the
 * transaction, because an import that changes a message deletes its row and writes it again: while the text is the same,
 * so is what it means.
 */
const FORGET = `CREATE OR REPLACE FUNCTION sidecar_vectors.forget_vector() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM sidecar_vectors.message_vectors v
  WHERE v.user_id = OLD.user_id AND v.conversation_id = OLD.conversation_id AND v.node_id = OLD.node_id
    AND NOT EXISTS (SELECT FROM messages m WHERE m.user_id = OLD.user_id AND m.conversation_id = OLD.conversation_id
      AND m.node_id = OLD.node_id AND m.text = OLD.text AND m.kind <> 'HIDDEN');
  RETURN NULL;
END $$`;

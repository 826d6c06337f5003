import type pg from 'pg';
import { knownMigrations, migrationsDirectory } from '../migrate.ts';
import { type Check, mend, note, ok, reasonOf } from './finding.ts';
import { postgresClient } from './postgres-client.ts';

const MIN_VERSION = 150_000;
const EXTENSIONS = ['btree_gin', 'pg_trgm', 'unaccent'];
/** Sessions, leases and signatures are told by clocks; within this they agree. */
const CLOCK_PATIENCE_MS = 2_000;
/** Two pools of ten, the queue's four, and the listener's one: what one process may open. */
const CONNECTIONS_OF_A_PROCESS = 25;

/** What is wrong when meaning is wanted of a database that knows no vectors. */
export const WITHOUT_VECTORS =
  'Search by meaning needs pgvector, which the embedded PostgreSQL has not: install it and set DB_URL, or leave EMBEDDINGS_BASE_URL empty.';

/** Whether the database answers, is new enough, can hold what Sidecar keeps, and agrees about the time. */
export async function* checkDatabase(url: string, wantsVectors: boolean): Check {
  const client = postgresClient(url);
  try {
    await client.connect();
  } catch (error) {
    yield mend(`PostgreSQL cannot be reached: ${reasonOf(error)}. Correct DB_URL, or start the server.`);
    return;
  }
  try {
    yield* checkServer(client);
    yield* checkExtensions(client, wantsVectors);
    yield* checkMigrations(client);
    yield* checkClock(client);
  } finally {
    await client.end();
  }
}

interface ServerFacts {
  version: string;
  number: number;
  encoding: string;
  fsync: string;
  free: number;
  isReadOnly: boolean;
  canCreate: boolean;
}

async function* checkServer(client: pg.Client): Check {
  const { rows } = await client.query<ServerFacts>(
    `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
       pg_encoding_to_char(encoding) AS encoding, current_setting('fsync') AS fsync,
       current_setting('max_connections')::int - (SELECT count(*)::int FROM pg_stat_activity) AS free,
       current_setting('transaction_read_only')::bool AS "isReadOnly",
       has_schema_privilege('public', 'CREATE') AND (has_database_privilege(current_database(), 'CREATE')
         OR (SELECT count(*) FROM pg_extension WHERE extname = ANY ($1)) = cardinality($1)) AS "canCreate"
     FROM pg_database WHERE datname = current_database()`,
    [EXTENSIONS],
  );
  const [facts] = rows;
  if (!facts) return;
  if (facts.number < MIN_VERSION) {
    yield mend(`PostgreSQL is version ${facts.version}. Sidecar needs 15 or newer.`);
  } else yield ok(`PostgreSQL ${facts.version} answers.`);
  if (facts.encoding !== 'UTF8') {
    yield mend(
      `The database is encoded as ${facts.encoding}. Make one with: createdb --encoding=UTF8 --template=template0 NAME`,
    );
  }
  if (facts.isReadOnly) {
    yield mend(
      'The database takes no writes: it follows another server, or is set to be read only. Name the primary in DB_URL, and replicas in DB_REPLICA_URLS.',
    );
  }
  if (!facts.canCreate) {
    yield mend(
      'This user may not create tables and extensions. Make it the owner of the database: ALTER DATABASE … OWNER TO …',
    );
  }
  if (facts.fsync === 'off') yield mend('fsync is off: a power cut destroys the database. Set fsync = on.');
  if (facts.free < CONNECTIONS_OF_A_PROCESS) {
    yield note(
      `PostgreSQL has ${facts.free} connections left, and a process takes up to ${CONNECTIONS_OF_A_PROCESS}. Raise max_connections.`,
    );
  }
}

async function* checkExtensions(client: pg.Client, wantsVectors: boolean): Check {
  const { rows } = await client.query<{ name: string; version: string }>(
    `SELECT name, coalesce(installed_version, default_version) AS version FROM pg_available_extensions
     WHERE name = ANY ($1)`,
    [[...EXTENSIONS, 'vector']],
  );
  const missing = EXTENSIONS.filter((name) => !rows.some((row) => row.name === name));
  if (missing.length > 0) {
    yield mend(
      `PostgreSQL lacks ${missing.join(', ')}. Install its package of additional modules (postgresql-contrib).`,
    );
  }
  if (!wantsVectors) return;
  const vector = rows.find(({ name }) => name === 'vector');
  const [major = 0, minor = 0] = (vector?.version ?? '').split('.').map(Number);
  if (!vector) yield mend(WITHOUT_VECTORS);
  else if (major === 0 && minor < 7)
    yield mend(`pgvector is version ${vector.version}. Search by meaning needs 0.7 or newer.`);
  else yield ok(`pgvector ${vector.version} is there.`);
}

async function* checkMigrations(client: pg.Client): Check {
  const { rows: tables } = await client.query(
    `SELECT FROM pg_class WHERE oid = to_regclass('public._prisma_migrations')`,
  );
  if (tables.length === 0) {
    yield note('The database has no tables yet: the first start makes them.');
    return;
  }
  const { rows } = await client.query<{ name: string; checksum: string; isDone: boolean }>(
    `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS "isDone"
     FROM public._prisma_migrations WHERE rolled_back_at IS NULL ORDER BY migration_name`,
  );
  const known = await knownMigrations(migrationsDirectory);
  for (const { name } of rows.filter(({ isDone }) => !isDone)) {
    yield mend(
      `The migration ${name} did not finish, unless it runs just now. See the column logs of _prisma_migrations, then run: npm run migrate -- --retry ${name}`,
    );
  }
  const newer = rows.filter((row) => !known.some(({ name }) => name === row.name));
  if (newer.length > 0) {
    yield mend(
      `The database has migrations of a newer version of Sidecar (${newer.map(({ name }) => name).join(', ')}). Update Sidecar.`,
    );
  }
  const waiting = known.filter(({ name }) => !rows.some((row) => row.name === name));
  if (waiting.length > 0) {
    yield note(`${waiting.length} migrations wait. The next start applies them, or: npm run migrate`);
  }
  if (newer.length + waiting.length === 0 && rows.every(({ isDone }) => isDone))
    yield ok('All migrations are applied.');
}

async function* checkClock(client: pg.Client): Check {
  const sentMs = Date.now();
  const { rows } = await client.query<{ ms: number }>(
    'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms',
  );
  const middleMs = (sentMs + Date.now()) / 2;
  const aheadMs = (rows[0]?.ms ?? middleMs) - middleMs;
  const seconds = Math.abs(Math.round(aheadMs / 100) / 10);
  if (Math.abs(aheadMs) <= CLOCK_PATIENCE_MS) yield ok('Its clock and that of this machine agree.');
  else {
    yield mend(
      `The database's clock is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} that of this machine. Synchronize both by NTP.`,
    );
  }
}

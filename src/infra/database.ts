import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type { Database, Logger, Transaction } from '../domain/services.ts';
import { PrismaClient } from '../generated/prisma/client.ts';
import { hearAll } from './heard-connections.ts';

export interface DatabaseConfig {
  url: string;
  /** For each of the two pools, Prisma's and that of bulk loads and search; 10 when absent. */
  maxConnections?: number;
  /** How long a caller waits for a connection; 10 s when absent. */
  connectTimeoutMs?: number;
  /** What an administrator sees in pg_stat_activity. */
  applicationName?: string;
  /** Hears of idle connections that were lost; the pool replaces them by itself. */
  logger?: Logger;
}

const connectTimeoutMs = 10_000;
const idleTimeoutMs = 30_000;
const statementTimeoutMs = 30_000;
const bulkStatementTimeoutMs = 300_000;
// The client gives up a little after the server would have, for a connection whose other end is gone.
const clientGraceMs = 5_000;
const pingTimeoutMs = 3_000;

/**
 * Opens Prisma and the plain `Database` port on a pool each, so that bulk loads cannot starve the requests that Prisma
 * serves. Connects lazily. Statements end after 30 s, those of a transaction after 300 s, and a caller waits at most
 * 10 s for a connection. `close` ends both pools once everything that was borrowed is back.
 */
export function openDatabase(config: DatabaseConfig): {
  prisma: PrismaClient;
  database: Database;
  /** Of Prisma, and of bulk loads and search. */
  pools: { prisma: pg.Pool; bulk: pg.Pool };
  close(): Promise<void>;
} {
  let closing: Promise<void> | undefined;
  const onLost = (error: Error) => {
    // Those that are being ended may be cut off by a server that stops as well.
    if (!closing) config.logger?.warn({ error }, 'A database connection was lost');
  };
  const prismaPool = hearAll(new pg.Pool(poolSettings(config, statementTimeoutMs)));
  const adapter = new PrismaPg(prismaPool, {
    disposeExternalPool: true,
    onPoolError: onLost,
    onConnectionError: onLost,
  });
  const prisma = new PrismaClient({ adapter });
  const pool = hearAll(new pg.Pool(poolSettings(config, bulkStatementTimeoutMs)));
  pool.on('error', onLost);
  return {
    prisma,
    database: databaseOn(pool, { keepsPlans: !isPooledOutside(config.url), onLost }),
    pools: { prisma: prismaPool, bulk: pool },
    close() {
      closing ??= Promise.all([prisma.$disconnect(), pool.end()]).then(() => undefined);
      return closing;
    },
  };
}

function poolSettings(config: DatabaseConfig, clientTimeoutMs: number): pg.PoolConfig {
  return {
    connectionString: config.url,
    application_name: config.applicationName ?? 'sidecar',
    max: config.maxConnections ?? 10,
    connectionTimeoutMillis: config.connectTimeoutMs ?? connectTimeoutMs,
    idleTimeoutMillis: idleTimeoutMs,
    query_timeout: clientTimeoutMs + clientGraceMs,
    // A pooler refuses clients that ask for settings of a session, which is not theirs.
    ...(!isPooledOutside(config.url) && {
      statement_timeout: statementTimeoutMs,
      idle_in_transaction_session_timeout: bulkStatementTimeoutMs,
    }),
    keepAlive: true,
  };
}

/** `pgbouncer=true` in a URL, as Prisma knows it: a pooler that hands one connection to many keeps no statement. */
const isPooledOutside = (url: string) => URL.parse(url)?.searchParams.get('pgbouncer') === 'true';

/** `query_timeout` is per query in pg, though its types know it for a whole connection only. */
type TimedQuery = pg.QueryConfig & { query_timeout: number };

function databaseOn(
  pool: pg.Pool,
  { keepsPlans, onLost }: { keepsPlans: boolean; onLost: (error: Error) => void },
): Database {
  return {
    async query<Row extends object>(text: string, values?: unknown[], name?: string) {
      const query: TimedQuery = {
        text,
        values,
        name: keepsPlans ? name : undefined,
        query_timeout: statementTimeoutMs + clientGraceMs,
      };
      const result = await pool.query<Row>(query);
      return result.rows;
    },
    async transaction(work) {
      const client = await pool.connect();
      let lost = false;
      const onError = (error: Error) => {
        lost = true;
        onLost(error);
      };
      // The pool listens to idle connections only: without this an error while borrowed ends the process.
      client.on('error', onError);
      try {
        return await runTransaction(client, work);
      } catch (error) {
        // Behind a query that was given up nothing else would be sent.
        lost ||= isTimeout(error) || !(await rollback(client));
        throw error;
      } finally {
        client.off('error', onError);
        client.release(lost);
      }
    },
    async ping() {
      const query: TimedQuery = { text: 'SELECT 1', query_timeout: pingTimeoutMs };
      await pool.query(query);
    },
  };
}

async function runTransaction<T>(client: pg.PoolClient, work: (tx: Transaction) => Promise<T>): Promise<T> {
  const begin: TimedQuery = {
    text: `BEGIN; SET LOCAL statement_timeout = ${bulkStatementTimeoutMs}`,
    query_timeout: statementTimeoutMs + clientGraceMs,
  };
  await client.query(begin);
  const value = await work(transactionOn(client));
  const end = await client.query('COMMIT');
  // PostgreSQL answers COMMIT with ROLLBACK when a statement failed and `work` hid it.
  if (end.command !== 'COMMIT')
    throw new Error('The transaction was rolled back: one of its statements failed');
  return value;
}

/** What pg says of a query that the client gave up. */
const isTimeout = (error: unknown) => error instanceof Error && error.message === 'Query read timeout';

/** Whether the connection may be used again. */
async function rollback(client: pg.PoolClient): Promise<boolean> {
  try {
    await client.query('ROLLBACK');
    return true;
  } catch {
    return false;
  }
}

function transactionOn(client: pg.PoolClient): Transaction {
  return {
    async query<Row extends object>(text: string, values?: unknown[]) {
      const result = await client.query<Row>(text, values);
      return result.rows;
    },
    async execute(text, values) {
      const result = await client.query(text, values);
      return result.rowCount ?? 0;
    },
    async copy(statement, chunks) {
      const stream = client.query(copyFrom(statement));
      await pipeline(Readable.from(chunks), stream);
      return stream.rowCount;
    },
    async copyOut(statement) {
      const chunks: Buffer[] = [];
      const stream = client.query(Object.assign(copyTo(statement), { callback() {} }));
      try {
        for await (const chunk of stream) chunks.push(chunk);
      } finally {
        // Through it pg hears of a query's end and stops its timer, and such a stream never calls it.
        stream.callback();
      }
      const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
      let at = 0;
      for (const chunk of chunks) {
        bytes.set(chunk, at);
        at += chunk.length;
      }
      return bytes;
    },
  };
}

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Logger } from '../domain/services.ts';
import { openEmbeddedPostgres } from './embedded-postgres.ts';

/** An empty database to try things in; nothing of it remains once it is closed. */
export interface ScratchDatabase {
  url: string;
  close(): Promise<void>;
}

/**
 * Opens one on the server of `serverUrl` (whose user must be allowed to create databases), or on a PostgreSQL of its
 * own in a temporary folder when that is null.
 */
export async function openScratchDatabase(
  serverUrl: string | null,
  logger: Logger,
): Promise<ScratchDatabase> {
  if (serverUrl) return await openOnServer(serverUrl);
  const directory = await mkdtemp(join(tmpdir(), 'sidecar-scratch-'));
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    const server = await openEmbeddedPostgres({ directory, logger });
    return { url: server.url, close: () => server.close().finally(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function openOnServer(serverUrl: string): Promise<ScratchDatabase> {
  const name = `sidecar_scratch_${randomBytes(6).toString('hex')}`;
  const client = new pg.Client({ connectionString: serverUrl, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${name} TEMPLATE template0`);
  } catch (error) {
    await client.end();
    throw error;
  }
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    async close() {
      try {
        await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      } finally {
        await client.end();
      }
    },
  };
}

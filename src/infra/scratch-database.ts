import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Logger } from '../domain/services.ts';
import { openEmbeddedPostgres } from './embedded-postgres.ts';

/**
 * Lends an empty database: on the server of `serverUrl` (whose user must be allowed to create databases), or on a
 * PostgreSQL of its own in a temporary folder when that is null. Nothing of it remains.
 */
export async function withScratchDatabase<T>(
  serverUrl: string | null,
  logger: Logger,
  work: (url: string) => Promise<T>,
): Promise<T> {
  if (serverUrl) return await onServer(serverUrl, work);
  const directory = await mkdtemp(join(tmpdir(), 'sidecar-scratch-'));
  try {
    const server = await openEmbeddedPostgres({ directory, logger });
    try {
      return await work(server.url);
    } finally {
      await server.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function onServer<T>(serverUrl: string, work: (url: string) => Promise<T>): Promise<T> {
  const name = `sidecar_scratch_${randomBytes(6).toString('hex')}`;
  const client = new pg.Client({ connectionString: serverUrl, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${name} TEMPLATE template0`);
    const url = new URL(serverUrl);
    url.pathname = `/${name}`;
    return await work(url.href);
  } finally {
    await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await client.end();
  }
}

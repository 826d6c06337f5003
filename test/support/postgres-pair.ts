import { execFile } from 'node:child_process';
import { chown, copyFile, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type EmbeddedPostgres, openEmbeddedPostgres } from '../../src/infra/embedded-postgres.ts';
import { migrate } from '../../src/infra/migrate.ts';
import type { Certificates } from './certificates.ts';
import { findFreePort } from './free-port.ts';
import { quietLogger } from './postgres.ts';

const run = promisify(execFile);

export interface PostgresPair {
  /** Both over TLS alone, by a certificate of the test's authority. */
  primaryUrl: string;
  replicaUrl: string;
  stopReplica(): Promise<void>;
  close(): Promise<void>;
}

const settings = { fsync: 'off', full_page_writes: 'off', wal_level: 'replica', max_wal_senders: '4' };

/** A migrated PostgreSQL, and a second one that follows it by streaming replication. */
export async function startPostgresPair(certificates: Certificates): Promise<PostgresPair> {
  const [primaryHome, replicaHome] = [await makeHome(), await makeHome()];
  const first = await openEmbeddedPostgres({ directory: primaryHome, logger: quietLogger, settings });
  await migrate(first.url, quietLogger);
  await first.close();
  const secured = await useTls(join(primaryHome, 'postgres'), certificates);
  await run('cp', ['-a', `${primaryHome}/.`, replicaHome]);
  await giveTo(join(replicaHome, 'postgres'), 'standby.signal', '');

  const open = async (directory: string, more: Record<string, string>) => {
    const port = String(await findFreePort());
    const server = await openEmbeddedPostgres({
      directory,
      logger: quietLogger,
      settings: { ...settings, ...secured, ...more, port },
    });
    return { server, port, url: `${reached(server.url, port, certificates)}` };
  };
  const primary = await open(primaryHome, {});
  const { username, password } = new URL(primary.url);
  const replica = await open(replicaHome, {
    primary_conninfo: `host=127.0.0.1 port=${primary.port} user=${username} password=${password} sslmode=require`,
  });
  return {
    primaryUrl: primary.url,
    replicaUrl: replica.url,
    stopReplica: replica.server.close,
    async close() {
      await replica.server.close();
      await primary.server.close();
      for (const home of [primaryHome, replicaHome]) await rm(home, { recursive: true, force: true });
    },
  };
}

const makeHome = () => mkdtemp(join(tmpdir(), 'sidecar-pair-'));

/** Leaves nothing but TLS open; answers the settings. */
async function useTls(directory: string, { certificate, key }: Certificates) {
  await giveTo(
    directory,
    'pg_hba.conf',
    'hostssl all all 127.0.0.1/32 scram-sha-256\nhostssl replication all 127.0.0.1/32 scram-sha-256\n',
  );
  for (const [from, name] of [
    [certificate, 'server.pem'],
    [key, 'server.key'],
  ] as const) {
    await copyFile(from, join(directory, name));
    await giveTo(directory, name);
  }
  return { ssl: 'on', ssl_cert_file: 'server.pem', ssl_key_file: 'server.key' };
}

/** A file of whoever runs the server. */
async function giveTo(directory: string, name: string, content?: string): Promise<void> {
  const path = join(directory, name);
  if (content !== undefined) await writeFile(path, content, { mode: 0o600 });
  const { uid, gid } = await stat(directory);
  await chown(path, uid, gid);
}

function reached(given: EmbeddedPostgres['url'], port: string, { authority }: Certificates): URL {
  const url = new URL(given);
  url.hostname = 'localhost';
  url.port = port;
  url.searchParams.set('sslmode', 'verify-full');
  url.searchParams.set('sslrootcert', authority);
  return url;
}

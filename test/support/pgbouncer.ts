import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseAccount } from '../../src/infra/embedded-postgres/account.ts';
import { findFreePort } from './free-port.ts';
import { findInstalled } from './installed.ts';
import { query } from './postgres.ts';
import { until } from './until.ts';

/** A PgBouncer in transaction mode in front of a database, with so many connections to it. */
export async function startPgBouncer(
  databaseUrl: string,
  poolSize: number,
): Promise<{ url: string; close(): Promise<void> }> {
  const program = await findInstalled('pgbouncer');
  if (!program) throw new Error('The tests need PgBouncer: apt-get install pgbouncer');
  const directory = await mkdtemp(join(tmpdir(), 'sidecar-pgbouncer-'));
  const account = await chooseAccount(directory);
  const port = await findFreePort();
  const server = new URL(databaseUrl);
  const users = join(directory, 'users.txt');
  const file = join(directory, 'pgbouncer.ini');
  await writeFile(users, `"${server.username}" "${decodeURIComponent(server.password)}"\n`);
  await writeFile(
    file,
    `[databases]
* = host=${server.hostname} port=${server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = transaction
default_pool_size = ${poolSize}
max_client_conn = 200
`,
  );
  if (account.uid !== undefined && account.gid !== undefined) {
    for (const path of [directory, users, file]) await chown(path, account.uid, account.gid);
  }
  const child = spawn(program, ['-q', file], { ...account, cwd: directory, stdio: 'ignore' });
  const exited = once(child, 'exit');
  const onExit = () => child.kill('SIGKILL');
  process.once('exit', onExit);
  const url = new URL(databaseUrl);
  url.port = String(port);
  await Promise.race([
    until('PgBouncer answers', () => query(url.href, 'SELECT 1').catch(() => null)),
    exited.then(([code]) => Promise.reject(new Error(`pgbouncer ended with code ${code}`))),
  ]);
  url.searchParams.set('pgbouncer', 'true');
  return {
    url: url.href,
    async close() {
      process.off('exit', onExit);
      child.kill('SIGKILL');
      await exited;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

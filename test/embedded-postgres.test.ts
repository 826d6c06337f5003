import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { processIdentity } from '../src/infra/embedded-postgres/processes.ts';
import { type EmbeddedPostgres, openEmbeddedPostgres } from '../src/infra/embedded-postgres.ts';
import { query, quietLogger } from './support/postgres.ts';

let directory: string;
let open: EmbeddedPostgres[];
let holders: ChildProcess[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sidecar-embedded-'));
  open = [];
  holders = [];
});

afterEach(async () => {
  for (const server of open) await server.close();
  for (const holder of holders) holder.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true });
});

test('It keeps its data over a restart, listens on this machine only and ends with its caller', async () => {
  const first = await start({});
  await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
  expect(await query(first.url, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
  expect(await query(first.url, 'SHOW fsync')).toEqual([{ fsync: 'on' }]);
  const pid = await serverPid();
  await first.close();
  expect(await processIdentity(pid)).toBeNull();

  const second = await start();
  expect(await query(second.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
});

test('Text is UTF-8, and letters beyond ASCII have an upper and a lower case', async () => {
  const { url } = await start();
  expect(await query(url, `SELECT lower('ÄÉΩЖ') AS lower, getdatabaseencoding() AS encoding`)).toEqual([
    { lower: 'äéωж', encoding: 'UTF8' },
  ]);
});

test('Only the owner may read the password, and a lost one is replaced', async () => {
  const first = await start();
  await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
  await first.close();
  const path = join(directory, 'postgres-password');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await rm(path);

  const second = await start();
  expect(second.url).not.toContain(new URL(first.url).password);
  expect(await query(second.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
});

test('It starts again after its process was killed and the server lived on', async () => {
  const { holder, url } = await hold();
  await query(url, 'CREATE TABLE kept AS SELECT 42 AS answer');
  const orphan = await serverPid();
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  expect(await processIdentity(orphan)).not.toBeNull();

  const again = await start();
  expect(await processIdentity(orphan)).toBeNull();
  expect(await query(again.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
});

test('It recovers when the server was killed, too', async () => {
  const { holder, url } = await hold();
  await query(url, 'CREATE TABLE kept AS SELECT 42 AS answer');
  process.kill(await serverPid(), 'SIGKILL');
  holder.kill('SIGKILL');
  await once(holder, 'exit');

  const again = await start();
  expect(await query(again.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
});

test('Notes that name a process which is another program by now are not believed', async () => {
  const first = await start();
  await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
  const note = await readFile(join(directory, 'postgres', 'postmaster.pid'), 'utf8');
  await first.close();
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  holders.push(other);
  await once(other, 'spawn');
  await writeFile(join(directory, 'postgres', 'postmaster.pid'), note.replace(/^\d+/, String(other.pid)));
  await writeFile(join(directory, 'postgres.lock'), JSON.stringify({ pid: other.pid, identity: 'long ago' }));

  const again = await start();
  expect(await query(again.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  expect(await processIdentity(other.pid ?? 0)).not.toBeNull();
});

test('A cluster that was cut short is made anew', async () => {
  const first = await start();
  await first.close();
  await rename(join(directory, 'postgres'), join(directory, 'postgres.new-1234'));
  await rm(join(directory, 'postgres.new-1234', 'global'), { recursive: true });
  await mkdir(join(directory, 'postgres.new'));

  const again = await start();
  expect(await query(again.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  expect((await readdir(directory)).sort()).toEqual(['postgres', 'postgres-password', 'postgres.lock']);
});

test('A second process on the same folder is told who uses it, and takes over once that one has ended', async () => {
  const { holder, url } = await hold();
  await expect(start()).rejects.toThrow(
    `${directory} is already used by process ${holder.pid}; stop it or set another DATA_DIR`,
  );
  expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  holder.kill('SIGTERM');
  await once(holder, 'exit');
  await start();
  await expect(start()).rejects.toThrow(`already used by process ${process.pid};`);
});

test('An interrupt from the terminal does not reach the server', async () => {
  const { holder, url } = await hold();
  // To the whole process group, as a terminal sends it.
  process.kill(-(holder.pid ?? 0), 'SIGINT');
  await once(holder, 'exit');
  expect(holder.signalCode).toBe('SIGINT');
  expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await start();
});

test('A server that cannot start says why', async () => {
  await expect(start({ ...quick, shared_buffers: 'plenty' })).rejects.toThrow(
    /invalid value for parameter "shared_buffers"/,
  );
  expect(await readdir(directory)).not.toContain('postgres.lock');
});

test('A server that is killed comes back on its port with its data', async () => {
  const { url } = await start();
  await query(url, 'CREATE TABLE kept AS SELECT 42 AS answer');
  process.kill(await serverPid(), 'SIGKILL');
  const rows = await vi.waitUntil(() => query(url, 'SELECT answer FROM kept').catch(() => null), {
    timeout: 20_000,
  });
  expect(rows).toEqual([{ answer: 42 }]);
});

test.runIf(process.getuid?.() === 0)('Root is told which folder keeps PostgreSQL out', async () => {
  await chmod(directory, 0o755);
  const closed = join(directory, 'closed');
  await mkdir(closed, { mode: 0o700 });
  await expect(
    openEmbeddedPostgres({ directory: join(closed, 'data'), logger: quietLogger }),
  ).rejects.toThrow(`may not enter ${closed}.`);
});

/** A server whose process dies loses nothing by this; only one whose machine dies would. */
const quick = { fsync: 'off' };

async function start(settings: Record<string, string> = quick): Promise<EmbeddedPostgres> {
  const server = await openEmbeddedPostgres({ directory, logger: quietLogger, settings });
  open.push(server);
  return server;
}

/** Another process that has the folder open. */
async function hold(): Promise<{ holder: ChildProcess; url: string }> {
  const program = new URL('./support/hold-embedded-postgres.ts', import.meta.url).pathname;
  const holder = spawn(process.execPath, [program, directory], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  holders.push(holder);
  const [url] = await once(createInterface(holder.stdout), 'line');
  return { holder, url: String(url) };
}

async function serverPid(): Promise<number> {
  return Number.parseInt(await readFile(join(directory, 'postgres', 'postmaster.pid'), 'utf8'), 10);
}

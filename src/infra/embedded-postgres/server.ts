import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Logger } from '../../domain/services.ts';
import type { Account } from './account.ts';
import type { Binaries } from './binaries.ts';
import { isServerOf, processIdentity } from './processes.ts';

const pollMs = 20;
const stopTimeoutMs = 60_000;
const logTailCharacters = 4_000;

export interface Server {
  child: ChildProcess;
  /** Disconnects everybody, writes everything to disk and waits for the end. */
  stop(): Promise<void>;
}

/**
 * Starts PostgreSQL and waits until it takes connections. It gets a session of its own, so that Ctrl-C in the
 * terminal reaches this process alone, which then closes its connections before it stops the server.
 * Throws an Error with the end of the server's log when it does not come up.
 */
export async function startServer(
  dataDirectory: string,
  settings: Record<string, string>,
  binaries: Binaries,
  account: Account,
  logger: Logger,
): Promise<Server> {
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn(binaries.postgres, ['-D', dataDirectory, ...flags], {
    ...account,
    cwd: binaries.root,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    windowsHide: true,
  });
  // Stopping cannot be awaited any more when the process exits without having closed; the server finishes by itself.
  const onExit = () => child.kill('SIGINT');
  process.once('exit', onExit);
  child.once('exit', () => process.off('exit', onExit));
  let tail = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-logTailCharacters);
    for (const line of text.trimEnd().split('\n')) logger.debug({ source: 'postgres' }, line);
  });
  const ended = new Promise<Error>((resolve) => {
    child.once('error', resolve);
    child.once('close', () => resolve(new Error(`PostgreSQL did not start:\n${tail.trim()}`)));
  });
  await untilReady(dataDirectory, child, ended);
  return {
    child,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
      const closed = once(child, 'close');
      await interrupt(child.pid, binaries);
      const insist = setTimeout(() => child.kill('SIGQUIT'), stopTimeoutMs);
      await closed;
      clearTimeout(insist);
    },
  };
}

/**
 * Deals with the postmaster.pid that an earlier run left: stops the server of this data directory that outlived its
 * parent, and makes a note of a process that has only inherited the number harmless.
 */
export async function stopLeftover(dataDirectory: string, binaries: Binaries, logger: Logger): Promise<void> {
  const path = join(dataDirectory, 'postmaster.pid');
  const content = await readFile(path, 'utf8').catch(() => null);
  if (content === null) return;
  const pid = Number.parseInt(content, 10);
  if (!(await isLiveServer(pid, dataDirectory))) {
    // Windows knows no parents, and what is no number would keep the server from starting.
    if (!(pid > 0) || process.platform === 'win32') await rm(path, { force: true });
    // Not removed elsewhere, because the server finds its lost children by the rest of the file. It takes any process
    // of that number for a rival, even a dead one that nobody waited for, but not its own parent (CreateLockFile in
    // PostgreSQL's miscinit.c).
    else await writeFile(path, content.replace(/^.*/, String(process.pid)));
    return;
  }
  logger.warn({ pid }, 'Stopping the PostgreSQL that an earlier run left behind');
  await interrupt(pid, binaries);
  for (let waitedMs = 0; await isLiveServer(pid, dataDirectory); waitedMs += pollMs) {
    if (waitedMs >= stopTimeoutMs)
      throw new Error(`PostgreSQL (process ${pid}) does not stop; stop it by hand`);
    await delay(pollMs);
  }
}

/** A port of the loopback interface that nobody listened on a moment ago. */
export async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('The system gave no port');
  return address.port;
}

/** The port on which a server of this data directory takes connections now; null when none does. */
export async function findRunningPort(dataDirectory: string): Promise<number | null> {
  const content = await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = content.split('\n');
  // Line by line as in miscadmin.h: the fourth is the port, the eighth the state.
  if (!(await isLiveServer(Number.parseInt(content, 10), dataDirectory)) || lines[7]?.trim() !== 'ready')
    return null;
  return Number(lines[3]);
}

async function isLiveServer(pid: number, dataDirectory: string): Promise<boolean> {
  return pid > 0 && (await processIdentity(pid)) !== null && (await isServerOf(pid, dataDirectory));
}

async function untilReady(dataDirectory: string, child: ChildProcess, ended: Promise<Error>): Promise<void> {
  let failure: Error | undefined;
  void ended.then((error) => {
    failure = error;
  });
  while (!failure) {
    const content = await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8').catch(() => '');
    const lines = content.split('\n');
    // The eighth line is the server's state (miscadmin.h), which pg_ctl waits for as well.
    if (lines[0] === String(child.pid) && lines[7]?.trim() === 'ready') return;
    await delay(pollMs);
  }
  throw failure;
}

/** "Fast" shutdown. Windows has no signals, but PostgreSQL brings its own for it. */
async function interrupt(pid: number, binaries: Binaries): Promise<void> {
  if (process.platform === 'win32') await promisify(execFile)(binaries.pgCtl, ['kill', 'INT', String(pid)]);
  else process.kill(pid, 'SIGINT');
}

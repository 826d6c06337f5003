import { access, readFile, realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../domain/services.ts';
import { chooseAccount, requireAccess } from './embedded-postgres/account.ts';
import { findBinaries } from './embedded-postgres/binaries.ts';
import { makeDirectory, prepareCluster, superuser } from './embedded-postgres/data-directory.ts';
import { lockDirectory } from './embedded-postgres/directory-lock.ts';
import {
  findFreePort,
  findRunningPort,
  type Server,
  startServer,
  stopLeftover,
} from './embedded-postgres/server.ts';
import { serverSettings } from './embedded-postgres/settings.ts';

export interface EmbeddedPostgresOptions {
  /** The data directory of the server; the cluster is made in its folder `postgres`. */
  directory: string;
  logger: Logger;
  /** PostgreSQL settings that win over the usual ones. */
  settings?: Record<string, string>;
}

export interface EmbeddedPostgres {
  /** With user and password; for the loopback interface of this machine. */
  url: string;
  /** Stops the server and waits for it; close the connections first. */
  close(): Promise<void>;
}

/**
 * The URL of the PostgreSQL that another process of Sidecar runs in this directory; null when none runs there. It ends
 * with that process.
 */
export async function findEmbeddedPostgres(directory: string): Promise<string | null> {
  const port = await findRunningPort(join(directory, 'postgres'));
  if (port === null) return null;
  return urlOf(port, (await readFile(join(directory, 'postgres-password'), 'utf8')).trim());
}

/** Whether a cluster was ever made in this directory. */
export async function hasEmbeddedPostgres(directory: string): Promise<boolean> {
  return await access(join(directory, 'postgres', 'PG_VERSION')).then(
    () => true,
    () => false,
  );
}

const urlOf = (port: number, password: string) =>
  `postgresql://${superuser}:${password}@127.0.0.1:${port}/postgres`;

const startPatienceMs = 30_000;
const startRetryMs = 200;
const restartPauseMs = 5_000;
const passingFailures = /could not create any TCP\/IP sockets|pre-existing shared memory block/;

/**
 * Starts the PostgreSQL that npm brought along, on a free port of 127.0.0.1, and makes its cluster the first time.
 * Runs as root, too (see `chooseAccount`). Survives whatever happened to earlier runs: a server that outlived its
 * parent is stopped first, stale lock and pid files are recognized, and an unfinished initdb begins anew.
 * Throws a DirectoryInUseError when a living process uses the directory, else an Error that says what to do.
 */
export async function openEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { logger } = options;
  const account = await chooseAccount(join(options.directory, 'postgres'));
  await makeDirectory(resolve(options.directory), account);
  const directory = await realpath(options.directory);
  const dataDirectory = join(directory, 'postgres');
  const unlock = await lockDirectory(directory);
  try {
    const binaries = await findBinaries();
    await requireAccess(binaries.root, account);
    await requireAccess(directory, account);
    await stopLeftover(dataDirectory, binaries, logger);
    const sync = options.settings?.fsync !== 'off';
    const password = await prepareCluster(directory, binaries, account, { sync });
    const settings = (port: number) => ({ ...serverSettings(port), ...options.settings });
    const startOn = (port: number) => startServer(dataDirectory, settings(port), binaries, account, logger);
    const { server: first, port } = await startOnFreePort(startOn);
    const supervised = supervise(first, logger, async () => {
      await stopLeftover(dataDirectory, binaries, logger);
      return startOn(port);
    });
    let closing: Promise<void> | undefined;
    return {
      url: urlOf(port, password),
      close() {
        closing ??= supervised.stop().then(unlock);
        return closing;
      },
    };
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** Starts the server again on its port whenever it ends by itself; everybody's connections are made again there. */
function supervise(first: Server, logger: Logger, restart: () => Promise<Server>): Pick<Server, 'stop'> {
  let current = first;
  let stopped = false;
  let restarting: Promise<void> = Promise.resolve();
  const watch = () => {
    current.child.once('exit', (code, signal) => {
      if (stopped) return;
      logger.error({ code, signal }, 'PostgreSQL ended unexpectedly and is started again');
      restarting = bringBack();
    });
  };
  const bringBack = async () => {
    while (!stopped) {
      try {
        await delay(startRetryMs);
        current = await restart();
        if (stopped) await current.stop();
        else watch();
        return;
      } catch (error) {
        logger.error({ error }, 'PostgreSQL could not be started again');
        await delay(restartPauseMs);
      }
    }
  };
  watch();
  return {
    async stop() {
      stopped = true;
      await restarting;
      await current.stop();
    },
  };
}

/**
 * Another program may take the port between the look and the start, and children of a server that was killed may still
 * be at their last statement.
 */
async function startOnFreePort(
  start: (port: number) => Promise<Server>,
): Promise<{ server: Server; port: number }> {
  const deadlineMs = Date.now() + startPatienceMs;
  for (;;) {
    const port = await findFreePort();
    try {
      return { server: await start(port), port };
    } catch (error) {
      const passing = error instanceof Error && passingFailures.test(error.message);
      if (!passing || Date.now() > deadlineMs) throw error;
      await delay(startRetryMs);
    }
  }
}

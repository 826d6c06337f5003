import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  access,
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Account } from './account.ts';
import type { Binaries } from './binaries.ts';

const run = promisify(execFile);

export const superuser = 'sidecar';

/** Makes `directory` when it is missing; the account may pass through it, but not list it. */
export async function makeDirectory(directory: string, account: Account): Promise<void> {
  await mkdir(directory, { recursive: true });
  if (account.uid === undefined) return;
  const { mode, uid } = await stat(directory);
  if (uid === 0) await chmod(directory, (mode & 0o777) | 0o011);
}

/**
 * Makes the cluster in `<directory>/postgres` unless it is there, and answers the superuser's password, which is kept
 * in `<directory>/postgres-password`. `sync: false` leaves out fsync, for clusters that are thrown away.
 */
export async function prepareCluster(
  directory: string,
  binaries: Binaries,
  account: Account,
  options: { sync: boolean },
): Promise<string> {
  const dataDirectory = join(directory, 'postgres');
  const passwordPath = join(directory, 'postgres-password');
  const known = (await readFile(passwordPath, 'utf8').catch(() => '')).trim();
  const password = known || randomBytes(24).toString('base64url');
  if (!known) await replaceSecret(passwordPath, password);
  const hasCluster = await access(join(dataDirectory, 'PG_VERSION')).then(
    () => true,
    () => false,
  );
  if (!hasCluster) await createCluster(dataDirectory, password, binaries, account, options.sync);
  else if (!known) await resetPassword(dataDirectory, password, binaries, account);
  return password;
}

/** Beside the place where it belongs, so that one that was cut short is never taken for a cluster. */
async function createCluster(
  dataDirectory: string,
  password: string,
  binaries: Binaries,
  account: Account,
  sync: boolean,
): Promise<void> {
  await removeUnfinished(dataDirectory);
  // A new name each time, because an initdb that outlived its parent may still write to the old one.
  const unfinished = `${dataDirectory}.new-${randomBytes(4).toString('hex')}`;
  await mkdir(unfinished, { mode: 0o700 });
  const passwordFile = `${unfinished}.pwfile`;
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600, flag: 'wx' });
  if (account.uid !== undefined && account.gid !== undefined) {
    await chown(unfinished, account.uid, account.gid);
    await chown(passwordFile, account.uid, account.gid);
  }
  try {
    const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
    const args = [`--pgdata=${unfinished}`, `--username=${superuser}`, `--pwfile=${passwordFile}`, ...locale];
    await run(
      binaries.initdb,
      [...args, '--auth=scram-sha-256', '--no-instructions', ...(sync ? [] : ['--no-sync'])],
      {
        ...account,
        cwd: binaries.root,
      },
    );
    await rename(unfinished, dataDirectory);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

async function removeUnfinished(dataDirectory: string): Promise<void> {
  const parent = dirname(dataDirectory);
  for (const name of await readdir(parent)) {
    if (!name.startsWith(`${basename(dataDirectory)}.new`)) continue;
    await rm(join(parent, name), { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** For a data directory whose password file was lost; works on the files, with no server running. */
async function resetPassword(
  dataDirectory: string,
  password: string,
  binaries: Binaries,
  account: Account,
): Promise<void> {
  const child = spawn(binaries.postgres, ['--single', '-D', dataDirectory, 'postgres'], {
    ...account,
    cwd: binaries.root,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // The password is base64url and needs no quoting.
  child.stdin.end(`ALTER ROLE ${superuser} PASSWORD '${password}'\n`);
  const [code] = await once(child, 'exit');
  if (code !== 0)
    throw new Error(`PostgreSQL could not set a new password in ${dataDirectory} (code ${code})`);
}

async function replaceSecret(path: string, secret: string): Promise<void> {
  const unfinished = `${path}.new`;
  await rm(unfinished, { force: true });
  await writeFile(unfinished, `${secret}\n`, { mode: 0o600, flag: 'wx' });
  await rename(unfinished, path);
}

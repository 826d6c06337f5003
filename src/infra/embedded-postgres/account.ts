import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** As whom the server runs: `child_process` options, empty for the user of this process. */
export interface Account {
  uid?: number;
  gid?: number;
}

/**
 * PostgreSQL refuses to run as root. Root therefore runs it as the owner of an existing data directory, else as the
 * system's user `postgres`, who is created when missing.
 */
export async function chooseAccount(dataDirectory: string): Promise<Account> {
  if (process.getuid?.() !== 0) return {};
  const owner = await stat(dataDirectory).catch(() => null);
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const found = await findUser('postgres');
  if (found) return found;
  try {
    await run('useradd', ['--system', '--user-group', '--no-create-home', '--home-dir', '/', 'postgres']);
  } catch (cause) {
    const message =
      'PostgreSQL cannot run as root, and the user "postgres" could not be created: create it, or run Sidecar as ' +
      'another user';
    throw new Error(message, { cause });
  }
  const created = await findUser('postgres');
  if (!created) throw new Error('The user "postgres" was created, but is not in /etc/passwd');
  return created;
}

/** Throws an Error that names the folder on the way to `path` that the account may not enter. */
export async function requireAccess(path: string, account: Account): Promise<void> {
  if (account.uid === undefined || (await canEnter(path, account))) return;
  const folders: string[] = [];
  for (let folder = path; ; folder = dirname(folder)) {
    folders.unshift(folder);
    if (folder === dirname(folder)) break;
  }
  for (const folder of folders) {
    if (await canEnter(folder, account)) continue;
    throw new Error(
      `PostgreSQL runs as user ${account.uid} because it refuses to run as root, and that user may not enter ` +
        `${folder}. Run Sidecar as another user than root, move it and DATA_DIR out of that folder, or allow it: ` +
        `chmod o+x ${folder}`,
    );
  }
}

/** Asked of the system itself: access lists and mounts decide, too. */
async function canEnter(folder: string, account: Account): Promise<boolean> {
  return await run('/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder], { ...account, cwd: '/' }).then(
    () => true,
    () => false,
  );
}

async function findUser(name: string): Promise<Account | null> {
  const passwd = await readFile('/etc/passwd', 'utf8');
  const fields = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .find(([user]) => user === name);
  return fields ? { uid: Number(fields[2]), gid: Number(fields[3]) } : null;
}

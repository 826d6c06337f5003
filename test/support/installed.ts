import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The path of a server's program, which apt-get installs first where that is possible; null when it is not there. */
export async function findInstalled(program: string): Promise<string | null> {
  const found = await onPath(program);
  if (found || process.getuid?.() !== 0 || !(await onPath('apt-get'))) return found;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-qq'], { env });
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', program], { env });
  return onPath(program);
}

/** Servers may lie where only root's PATH leads. */
async function onPath(name: string): Promise<string | null> {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']) {
    const path = join(folder, name);
    const usable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return path;
  }
  return null;
}

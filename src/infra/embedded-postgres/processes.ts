import { execFile } from 'node:child_process';
import { readFile, readlink, realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * What tells a process from another one that later gets the same id: when it began. Null when there is no such
 * process. On Linux /proc/PID/stat (proc_pid_stat(5)) with the boot's id, elsewhere what `ps` or PowerShell says.
 */
export async function processIdentity(pid: number): Promise<string | null> {
  if (process.platform === 'linux') return await linuxIdentity(pid);
  if (process.platform === 'win32') return await powershell(`(Get-Process -Id ${pid}).StartTime.Ticks`);
  return await firstOutput('ps', ['-o', 'lstart=', '-p', String(pid)]);
}

/** Whether the process is a PostgreSQL server that works in `dataDirectory`. */
export async function isServerOf(pid: number, dataDirectory: string): Promise<boolean> {
  if (process.platform === 'linux') {
    // A server makes its data directory its working directory, which stays true when a parent folder is renamed.
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => null);
    if (cwd !== null && cwd !== (await realpath(dataDirectory))) return false;
    // A container's root may not read another user's working directory; the command line is open to all.
    const args = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    return basename(args[0] ?? '') === 'postgres' && (cwd !== null || args.includes(dataDirectory));
  }
  const command =
    process.platform === 'win32'
      ? await powershell(`(Get-CimInstance Win32_Process -Filter 'ProcessId=${pid}').CommandLine`)
      : await firstOutput('ps', ['-o', 'command=', '-ww', '-p', String(pid)]);
  return [command?.includes('postgres'), command?.includes(dataDirectory)].every((found) => found === true);
}

async function linuxIdentity(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (stat === null) return null;
  // The name in parentheses may hold spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTicks] = [fields[0], fields[19]];
  if (state === 'Z' || state === 'X' || startTicks === undefined) return null;
  const bootId = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return `${startTicks}@${bootId.trim()}`;
}

function powershell(expression: string): Promise<string | null> {
  return firstOutput('powershell.exe', ['-NoProfile', '-NonInteractive', '-Command', expression]);
}

async function firstOutput(command: string, args: string[]): Promise<string | null> {
  const { stdout } = await run(command, args, { env: { ...process.env, LC_ALL: 'C' } }).catch(() => ({
    stdout: '',
  }));
  return stdout.trim() || null;
}

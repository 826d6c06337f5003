import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** USER_HZ, the unit of CPU times in /proc, which every Linux that Node runs on has at 100. */
const TICKS_PER_SECOND = 100;

export interface HttpProcess {
  /** Where it listens. */
  url: string;
  /** In user and kernel mode since it began. */
  cpuSeconds(): Promise<number>;
  /** What is resident now, after its garbage was collected. */
  residentBytes(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts a program of this folder, which prints where it listens. `profileFolder` gets a CPU profile of it. */
export async function startHttpProcess(
  program: 'server.ts' | 'bare.ts',
  env: Record<string, string>,
  profileFolder: string | null,
): Promise<HttpProcess> {
  const profiling = profileFolder === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
  const entry = fileURLToPath(new URL(program, import.meta.url));
  // As in `npm start`, and with the garbage collector within reach of `collectOnRequest`.
  const flags = ['--max-semi-space-size=32', '--expose-gc'];
  const child = spawn(process.execPath, [...profiling, ...flags, entry], {
    env: { ...process.env, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const { stdout } = child;
  if (!stdout) throw new Error('a piped output is missing');
  const exited = once(child, 'exit');
  const killWithParent = () => child.kill('SIGKILL');
  process.once('exit', killWithParent);
  const url = await Promise.race([
    once(createInterface(stdout), 'line').then(([line]) => String(line)),
    exited.then(() => Promise.reject(new Error(`${program} ended at once`))),
  ]);
  return {
    url,
    async cpuSeconds() {
      // proc_pid_stat(5): utime and stime are the 12th and 13th fields behind the command's closing parenthesis.
      const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    },
    async residentBytes() {
      child.send('collect');
      await once(child, 'message');
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1_024;
    },
    async stop() {
      process.off('exit', killWithParent);
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await exited;
    },
  };
}

/** Lets the parent see what memory is really in use; call it in a program that `startHttpProcess` starts. */
export function collectOnRequest(): void {
  process.on('message', () => {
    globalThis.gc?.();
    process.send?.('collected');
  });
  // The channel alone keeps no program running.
  process.channel?.unref();
}

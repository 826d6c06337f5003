import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

export interface WorkerUsage {
  /** The most that was resident at once since the process began. */
  peakRssBytes: number;
  /** What is resident now. */
  residentBytes: number;
  /** Of that, pages of files that were mapped, such as Node's own, which the system shares and can drop. */
  residentFileBytes: number;
  /** In user and kernel mode. */
  cpuSeconds: number;
}

export interface WorkerProcess {
  usage(): Promise<WorkerUsage>;
  /** Ends it as a deployment would and waits for it. */
  stop(): Promise<void>;
}

const entry = fileURLToPath(new URL('../../worker/main.ts', import.meta.url));
const READY = 'waiting for jobs';
/** A line of level warn or worse. */
const TROUBLE = /"level":[4-9]0/;
const KEPT_LOG_CHARACTERS = 4_000;
/** USER_HZ, the unit of CPU times in /proc, which every Linux that Node runs on has at 100. */
const TICKS_PER_SECOND = 100;
/** As in `npm run worker`. */
const FLAGS = [
  '--import',
  new URL('../../src/infra/compile-cache.js', import.meta.url).href,
  '--max-semi-space-size=4',
  '--heap-growing-percent=50',
];

/** As in the image. */
const IMAGE_ENV = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '131072',
  MALLOC_TRIM_THRESHOLD_: '131072',
};

/** Starts `worker/main.ts` and waits until it takes jobs. Throws with the end of its log when it does not. */
export async function startWorker(
  env: Record<string, string>,
  profileFolder: string | null,
): Promise<WorkerProcess> {
  const profiling = profileFolder === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
  const child = spawn(process.execPath, [...profiling, ...FLAGS, entry], {
    env: { ...process.env, ...IMAGE_ENV, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit');
  const killWithParent = () => child.kill('SIGKILL');
  process.once('exit', killWithParent);
  let log = '';
  const ready = new Promise<void>((resolve) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-KEPT_LOG_CHARACTERS);
      if (TROUBLE.test(text)) process.stderr.write(text);
      if (log.includes(READY)) resolve();
    });
  });
  await Promise.race([
    ready,
    exited.then(() => {
      throw new Error(`The worker ended at once:\n${log}`);
    }),
  ]);
  const procFile = (name: string) => readFile(`/proc/${child.pid}/${name}`, 'utf8');
  return {
    async usage() {
      const status = await procFile('status');
      const kibOf = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
      // proc_pid_stat(5): utime and stime are the 12th and 13th fields behind the command's closing parenthesis.
      const stat = await procFile('stat');
      const [user, system] = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .slice(11, 13);
      return {
        peakRssBytes: kibOf('VmHWM') * 1024,
        residentBytes: kibOf('VmRSS') * 1024,
        residentFileBytes: kibOf('RssFile') * 1024,
        cpuSeconds: (Number(user) + Number(system)) / TICKS_PER_SECOND,
      };
    },
    async stop() {
      process.off('exit', killWithParent);
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await exited;
    },
  };
}

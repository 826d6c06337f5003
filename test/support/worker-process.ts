import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface WorkerProcess {
  pid: number;
  /** Ends it at once, as a crash or the kernel would, and waits until it is gone. */
  kill(): Promise<void>;
  /** Asks it to stop, as a deployment does, and answers its exit code. */
  stop(): Promise<number | null>;
  /** What it wrote to its log so far. */
  logged(): string;
}

/** As in `npm run worker`; without the cache each start strips all sources of their types anew. */
const FLAGS = [
  '--import',
  './src/infra/compile-cache.js',
  '--max-semi-space-size=4',
  '--heap-growing-percent=50',
];
const entry = fileURLToPath(new URL('../../worker/main.ts', import.meta.url));
const READY = 'waiting for jobs';

/** Runs `worker/main.ts` as a process of its own and waits until it takes jobs. Throws with its log when it does not. */
export async function startWorkerProcess(env: Record<string, string>): Promise<WorkerProcess> {
  const child = spawn(process.execPath, [...FLAGS, entry], {
    env: { PATH: process.env.PATH ?? '', LOG_LEVEL: 'info', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  const killWithParent = () => child.kill('SIGKILL');
  process.once('exit', killWithParent);
  void exited.then(() => process.off('exit', killWithParent));
  let log = '';
  const ready = new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        log += text;
        if (log.includes(READY)) resolve();
      });
    }
  });
  await Promise.race([
    ready,
    exited.then(() => {
      throw new Error(`The worker ended at once:\n${log}`);
    }),
  ]);
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await exited;
  };
  return {
    pid: child.pid ?? 0,
    kill: () => end('SIGKILL'),
    async stop() {
      await end('SIGTERM');
      return child.exitCode;
    },
    logged: () => log,
  };
}

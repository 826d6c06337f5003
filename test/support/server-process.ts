import { runScript } from './programs.ts';

export interface ServerProcess {
  /** Where it listens. */
  url: string;
  /** Ends it at once, as a crash or the kernel would, and waits until it is gone. */
  kill(): Promise<void>;
  /** Asks it to stop, as a deployment does, and answers its exit code. */
  stop(): Promise<number | null>;
  /** All that it wrote so far. */
  logged(): string;
}

/** Runs `npm start` as a process of its own, with a worker in it where there is no Redis, and waits until it listens. */
export async function startServerProcess(env: Record<string, string>): Promise<ServerProcess> {
  const program = await runScript('start', [], { PORT: '0', LOG_LEVEL: 'info', ...env });
  const [url] = await program.prints(/http:\/\/127\.0\.0\.1:\d+/);
  return {
    url,
    async kill() {
      program.kill('SIGKILL');
      await program.exited;
    },
    stop() {
      program.kill('SIGTERM');
      return program.exited;
    },
    logged: () => program.stdout() + program.stderr(),
  };
}

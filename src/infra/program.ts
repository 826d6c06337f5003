import closeWithGrace from 'close-with-grace';
import { type Deadline, deadlineIn } from './patience.ts';

/** How long all may take to end once the process was told to, until its configuration says otherwise. */
const DEFAULT_GRACE_MS = 15_000;
/** What is closed keeps within this part of it, and has the rest to say so. */
const ORDERLY_PART = 0.9;

export interface Program {
  /**
   * Opens something that is closed when the program ends, whatever ends it: a signal that comes in the meantime waits
   * for it first. Does not come back, and opens nothing, once the program is being ended. `close` keeps to the deadline,
   * which all that is closed shares: behind it the process is ended by force, with 1.
   */
  own<T>(open: () => Promise<T>, close: (opened: T, deadline: Deadline) => Promise<void> | void): Promise<T>;
  /** How long all may take to end, from the signal on. */
  endWithin(graceMs: number): void;
  /** Has an error that nobody caught logged rather than written to the standard error. */
  logTo(logger: { fatal(fields: { error: unknown }, message: string): void }): void;
}

/**
 * Runs a program that leaves nothing behind. `main` answers its exit code, or null to go on until a signal, which then
 * ends it with 0; a signal before that ends it with 1. An error of `main` is written as `describe` puts it.
 */
export async function runProgram(
  main: (program: Program) => Promise<number | null>,
  describe: (error: unknown) => string = reasonOf,
): Promise<void> {
  const closers: ((deadline: Deadline) => Promise<void>)[] = [];
  let graceMs = DEFAULT_GRACE_MS;
  let closed: Promise<void> | undefined;
  let serving = false;
  const complain = (error: unknown) => process.stderr.write(`${reasonOf(error)}\n`);
  let crash = complain as (error: unknown) => void;

  function close(): Promise<void> {
    closed ??= (async () => {
      const deadline = deadlineIn(graceMs * ORDERLY_PART);
      for (const closer of closers.toReversed()) await closer(deadline).catch(complain);
    })();
    return closed;
  }
  // Whoever read the output is gone, as in `… | head`: what is being done goes on to its end, and is closed in order.
  for (const output of [process.stdout, process.stderr]) {
    output.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
  // Before anything is opened: PostgreSQL has a session of its own, and nobody else would stop it.
  const grace = closeWithGrace(
    { delay: false, logger: false, skip: ['beforeExit'] },
    async ({ err: error }) => {
      if (error) crash(error);
      setTimeout(() => {
        complain('Not everything ended in time, and is left behind.');
        process.exit(1);
      }, graceMs).unref();
      await close();
      if (!serving) process.exit(1);
    },
  );
  const program: Program = {
    async own(open, closer) {
      if (closed) return never();
      const opening = open();
      closers.push((deadline) =>
        opening.then(
          (opened) => closer(opened, deadline),
          () => undefined,
        ),
      );
      const opened = await opening;
      return closed ? never() : opened;
    },
    endWithin(ms) {
      graceMs = ms;
    },
    logTo(logger) {
      crash = (error) => logger.fatal({ error }, 'stopping after an unexpected error');
    },
  };

  try {
    const exitCode = await main(program);
    serving = exitCode === null;
    if (exitCode === null) return;
    await close();
    grace.uninstall();
    process.exitCode = exitCode;
  } catch (error) {
    // What is being closed breaks what main was at.
    if (closed) return;
    process.stderr.write(`${describe(error)}\n`);
    await close();
    process.exit(1);
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}

/** What to tell a person of an error. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import closeWithGrace from 'close-with-grace';

/** How long requests, jobs and what is being opened may take to end once the process was told to. */
const SHUTDOWN_MS = 15_000;

export interface Program {
  /**
   * Opens something that is closed when the program ends, whatever ends it: a signal that comes in the meantime waits
   * for it first. Does not come back, and opens nothing, once the program is being ended.
   */
  own<T>(open: () => Promise<T>, close: (opened: T) => Promise<void> | void): Promise<T>;
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
  const closers: (() => Promise<void>)[] = [];
  let closed: Promise<void> | undefined;
  let serving = false;
  const complain = (error: unknown) => process.stderr.write(`${reasonOf(error)}\n`);
  let crash = complain as (error: unknown) => void;

  function close(): Promise<void> {
    closed ??= (async () => {
      for (const closer of closers.toReversed()) await closer().catch(complain);
    })();
    return closed;
  }
  // Before anything is opened: PostgreSQL has a session of its own, and nobody else would stop it.
  const grace = closeWithGrace(
    { delay: SHUTDOWN_MS, logger: false, skip: ['beforeExit'] },
    async ({ err: error }) => {
      if (error) crash(error);
      await close();
      if (!serving) process.exit(1);
    },
  );
  const program: Program = {
    async own(open, closer) {
      if (closed) return never();
      const opening = open();
      closers.push(() => opening.then(closer, () => undefined));
      const opened = await opening;
      return closed ? never() : opened;
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

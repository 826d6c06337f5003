import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { onTestFinished } from 'vitest';
import { until } from './until.ts';

/** A program that starts PostgreSQL for the first time shares two cores with other tests. */
export const START_MS = 60_000;

export interface Program {
  pid: number;
  /** What it has written so far, to standard output and to standard error. */
  stdout(): string;
  stderr(): string;
  /** Answers the match once it stands in the standard output. Throws, with all output, when the program ends before. */
  prints(pattern: RegExp): Promise<RegExpExecArray>;
  kill(signal: NodeJS.Signals): void;
  /** The exit code; null when a signal ended it. */
  exited: Promise<number | null>;
}

/** Runs one of package.json's scripts as npm would, without the environment of the tests. Ends with the test. */
export async function runScript(
  name: string,
  args: string[] = [],
  env: Record<string, string> = {},
): Promise<Program> {
  const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as {
    scripts: Record<string, string>;
  };
  const [runtime, ...words] = scripts[name]?.split(' ') ?? [];
  if (runtime !== 'node') throw new Error(`The script ${name} runs no node program`);
  const { PATH = '', HOME = '', TMPDIR = '' } = process.env;
  const child = spawn(process.execPath, [...words, ...args], {
    env: { PATH, HOME, TMPDIR, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const exited = once(child, 'close').then(([code]) => code as number | null);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  return {
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    async prints(pattern) {
      const look = () => {
        const match = pattern.exec(stdout);
        if (!match && child.exitCode !== null) {
          throw new Error(`${name} ended with ${child.exitCode}:\n${stdout}\n${stderr}`);
        }
        return match;
      };
      return until(`${name} prints ${pattern}`, look, START_MS);
    },
    kill: (signal) => child.kill(signal),
    exited,
  };
}

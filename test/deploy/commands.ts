import { access, readFile } from 'node:fs/promises';
import { expect } from 'vitest';

/** Words of a command that name a file of the project. */
const pathsIn = (words: string[]) => words.filter((word) => /^(\.\/)?(src|worker)\//.test(word));

/** Fails unless a command names files of the project, and all of them are there. */
export async function expectPaths(words: string[]): Promise<void> {
  expect(pathsIn(words), words.join(' ')).not.toEqual([]);
  for (const path of pathsIn(words)) await access(path);
}

/** The scripts that an image's process has to be started as, for what Node is told there. */
export async function expectCommandsOfScripts(commands: string[][]): Promise<void> {
  const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as {
    scripts: Record<string, string>;
  };
  for (const words of commands) expect(Object.values(scripts)).toContain(words.join(' '));
}

import { execFile } from 'node:child_process';
import { glob, mkdir, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** Where the built pages lie: HTML, and files whose names hold their hash. Not checked in. */
export const WEB_DIRECTORY = join(import.meta.dirname, '../dist/web');
const SOURCES = join(import.meta.dirname, 'web');

/** Builds the pages with Vite; they appear when all of them are there. Throws an Error when Vite is not installed. */
export async function buildWeb(): Promise<void> {
  const vite = join(dirname(createRequire(import.meta.url).resolve('vite/package.json')), 'bin/vite.js');
  const outDir = `${WEB_DIRECTORY}.${process.pid}`;
  await mkdir(dirname(WEB_DIRECTORY), { recursive: true });
  try {
    // A process of its own: a server need not keep Vite in memory, and React's slow build for development never gets in.
    await promisify(execFile)(
      process.execPath,
      [vite, 'build', SOURCES, '--logLevel', 'warn', '--outDir', outDir],
      { env: { ...process.env, NODE_ENV: 'production' } },
    );
    await rm(WEB_DIRECTORY, { recursive: true, force: true });
    await rename(outDir, WEB_DIRECTORY).catch(async (error) => {
      // Another process that was started at the same time put its own there in between.
      if (!(await isWebCurrent())) throw error;
    });
  } finally {
    await rm(outDir, { recursive: true, force: true });
  }
}

/** Whether the pages are there and no older than what they are made from, where that is. */
export async function isWebCurrent(): Promise<boolean> {
  const built = await stat(join(WEB_DIRECTORY, 'index.html')).catch(() => null);
  if (!built) return false;
  for await (const file of glob('**/*.*', { cwd: SOURCES })) {
    if ((await stat(join(SOURCES, file))).mtimeMs > built.mtimeMs) return false;
  }
  return true;
}

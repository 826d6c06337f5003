import { glob, mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Where the built pages lie: HTML, and files whose names hold their hash. Not checked in. */
export const WEB_DIRECTORY = join(import.meta.dirname, '../dist/web');
const SOURCES = join(import.meta.dirname, 'web');

/** Builds the pages with Vite; they appear when all of them are there. Throws an Error when Vite is not installed. */
export async function buildWeb(): Promise<void> {
  const { build } = await import('vite');
  const outDir = `${WEB_DIRECTORY}.${process.pid}`;
  await mkdir(dirname(WEB_DIRECTORY), { recursive: true });
  try {
    await build({ configFile: join(SOURCES, 'vite.config.ts'), logLevel: 'warn', build: { outDir } });
    await rm(WEB_DIRECTORY, { recursive: true, force: true });
    await rename(outDir, WEB_DIRECTORY);
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

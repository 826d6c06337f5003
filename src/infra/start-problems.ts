import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Places } from '../config.ts';
import { InvalidInputError } from '../domain/errors.ts';
import { hostRule, parseUrl } from './downloads/url.ts';

/**
 * What the configuration names and this machine has not, each with its variable: what can be told before anything is
 * opened. Makes the data directory.
 */
export async function problemsOfStart({
  dataDir,
  ingestRoot,
  exportUrl,
  allowedHosts,
}: Places): Promise<string[]> {
  const problems: string[] = [];
  const { R_OK, W_OK, X_OK } = constants;
  if (dataDir !== null) {
    await makeFolder(resolve(dataDir))
      .then(() => requireFolder(dataDir, R_OK | W_OK | X_OK))
      .catch((error) =>
        problems.push(`DATA_DIR must be a folder that can be made and written (${codeOf(error)})`),
      );
  }
  if (ingestRoot !== null) {
    await requireFolder(ingestRoot, R_OK | X_OK).catch((error) =>
      problems.push(`INGEST_ROOT must be a folder that can be read (${codeOf(error)})`),
    );
  }
  try {
    if (exportUrl !== null) parseUrl(exportUrl, hostRule(allowedHosts));
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    problems.push(`CHATGPT_EXPORT_URL cannot be fetched: ${error.message.replace(/\.$/, '')}`);
  }
  return problems;
}

/** Step by step: where nothing can be made, as below /proc, Node's `recursive` would try for ever. */
async function makeFolder(path: string): Promise<void> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (isThere) return;
  if (dirname(path) !== path) await makeFolder(dirname(path));
  await mkdir(path).catch((error) => {
    // Another process that starts was faster.
    if (codeOf(error) !== 'EEXIST') throw error;
  });
}

async function requireFolder(path: string, mode: number): Promise<void> {
  if (!(await stat(path)).isDirectory()) throw Object.assign(new Error('no folder'), { code: 'ENOTDIR' });
  await access(path, mode);
}

const codeOf = (error: NodeJS.ErrnoException) => error.code ?? error.message;

/** Fills an empty database and file store from a backup, with no server running: npm run restore -- FILE */
import { access } from 'node:fs/promises';
import { loadConfig } from '../config.ts';
import { restoreBackup } from '../infra/backup/restore.ts';
import { createLogger } from '../infra/logger.ts';
import { type Program, runProgram } from '../infra/program.ts';
import { openFiles } from '../services.ts';
import { openDatabaseUrl } from './database-url.ts';

const [path, ...rest] = process.argv.slice(2);
if (!path || rest.length > 0) {
  process.stderr.write('Usage: npm run restore -- FILE\n');
  process.exit(2);
}
await runProgram((program) => restore(program, path));

async function restore(program: Program, path: string): Promise<number> {
  const config = loadConfig(process.env);
  // Before a database is made for it.
  await access(path);
  const logger = createLogger({ logLevel: 'warn' }, 'restore');
  const databaseUrl = await openDatabaseUrl(program, config, logger);
  const files = await program.own(
    () => openFiles(config),
    (opened) => opened.close(),
  );
  const controller = new AbortController();
  const { signal } = controller;
  const onProgress = (what: string, done: number) => process.stderr.write(`${what}: ${done}\n`);
  // Owned, so that Ctrl-C waits for a migration, and the next try finds the database empty.
  const { work } = await program.own(
    async () => ({ work: restoreBackup({ path, databaseUrl, files, logger, onProgress, signal }) }),
    async (begun) => {
      controller.abort();
      await begun.work.catch(() => undefined);
    },
  );
  const { tables, files: stored, missing, leftOut } = await work;
  const rows = Object.values(tables).reduce((sum, table) => sum + table.rows, 0);
  process.stdout.write(`Restored ${rows} rows and ${stored} files.\n`);
  if (missing > 0) process.stdout.write(`${missing} files were missing when the backup was made.\n`);
  if (leftOut.length > 0) {
    process.stdout.write(`Left out, for they are not Sidecar's: ${leftOut.join(', ')}.\n`);
  }
  if (!config.apiKey) {
    process.stdout.write(
      'Start the server with the API_KEY of the one that was backed up: it opens the stored export URLs.\n',
    );
  }
  return 0;
}

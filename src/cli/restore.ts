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
  const {
    tables,
    files: stored,
    missing,
  } = await restoreBackup({
    path,
    databaseUrl,
    files,
    logger,
    onProgress: (what, done) => process.stderr.write(`${what}: ${done}\n`),
  });
  const rows = Object.values(tables).reduce((sum, table) => sum + table.rows, 0);
  process.stdout.write(`Restored ${rows} rows and ${stored} files.\n`);
  if (missing > 0) process.stdout.write(`${missing} files were missing when the backup was made.\n`);
  if (!config.apiKey) {
    process.stdout.write(
      'Start the server with the API_KEY of the one that was backed up: it opens the stored export URLs.\n',
    );
  }
  return 0;
}

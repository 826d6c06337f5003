/** Writes database and files into one file, while the server runs or not: npm run backup -- FILE */
import { loadConfig } from '../config.ts';
import type { BackupSummary } from '../domain/backup.ts';
import { writeBackup } from '../infra/backup/write.ts';
import { createLogger } from '../infra/logger.ts';
import { type Program, runProgram } from '../infra/program.ts';
import { openFiles } from '../services.ts';
import { openDatabaseUrl, requireDatabase } from './database-url.ts';

const [path, ...rest] = process.argv.slice(2);
if (!path || rest.length > 0) {
  process.stderr.write('Usage: npm run backup -- FILE\n');
  process.exit(2);
}
await runProgram((program) => backUp(program, path));

async function backUp(program: Program, path: string): Promise<number> {
  const config = loadConfig(process.env);
  const logger = createLogger({ logLevel: 'warn' }, 'backup');
  await requireDatabase(config);
  const databaseUrl = await openDatabaseUrl(program, config, logger);
  const files = await program.own(
    () => openFiles(config),
    (opened) => opened.close(),
  );
  const controller = new AbortController();
  const { signal } = controller;
  const onProgress = (what: string, done: number) => process.stderr.write(`${what}: ${done}\n`);
  const { work } = await program.own(
    async () => ({ work: writeBackup({ databaseUrl, files, path, onProgress, signal }) }),
    async (begun) => {
      controller.abort();
      await begun.work.catch(() => undefined);
    },
  );
  const summary = await work;
  process.stdout.write(`Backed up ${describe(summary)} into ${path}.\n`);
  if (summary.missing > 0) {
    process.stdout.write(
      `${summary.missing} files that rows name were not there whole, because they were deleted meanwhile or are lost.\n`,
    );
  }
  return 0;
}

function describe({ tables, files }: BackupSummary): string {
  const rows = Object.values(tables).reduce((sum, table) => sum + table.rows, 0);
  return `${rows} rows of ${Object.keys(tables).length} tables and ${files} files`;
}

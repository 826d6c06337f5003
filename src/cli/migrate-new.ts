/**
 * Writes the migration that leads from all migrations so far to prisma/schema.prisma:
 *
 *   npm run migrate:new -- add_labels    a new migration
 *   npm run migrate:new -- --init        writes the first one anew; only while nothing has been released
 *
 * The migrations are replayed into a scratch database that is dropped afterwards: on DB_URL's server, or embedded.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../config.ts';
import { createLogger } from '../infra/logger.ts';
import { migrate, migrationsDirectory } from '../infra/migrate.ts';
import { type Program, runProgram } from '../infra/program.ts';
import { createSchemaScript, diffToSchema } from '../infra/schema-diff.ts';
import { openScratchDatabase } from '../infra/scratch-database.ts';

const initName = '20261122000000_init';
const initDirectory = join(migrationsDirectory, '..', 'init');

const [argument, ...rest] = process.argv.slice(2);
if (!argument || rest.length > 0 || !/^(--init|[a-z][a-z0-9_]*)$/.test(argument)) {
  process.stderr.write('Usage: npm run migrate:new -- name_in_snake_case | --init\n');
  process.exit(2);
}

const logger = createLogger({ logLevel: 'warn' }, 'migrate-new');
await runProgram(main);

async function main(program: Program): Promise<number> {
  const { directUrl } = loadConfig(process.env);
  const { url } = await program.own(
    () => openScratchDatabase(directUrl, logger),
    (scratch) => scratch.close(),
  );
  const written = argument === '--init' ? await writeInit(url) : await writeNext(url, argument as string);
  process.stdout.write(
    written
      ? `Wrote ${written}: read it before you commit it.\n`
      : 'The migrations already make what the schema says; nothing was written.\n',
  );
  return 0;
}

/** What a Prisma schema cannot say stands in prisma/init/, and is put before and after what it says. */
async function writeInit(url: string): Promise<string> {
  const later = (await migrationNames()).filter((name) => name !== initName);
  if (later.length > 0) {
    throw new Error(`There are later migrations (${later.join(', ')}): write a new one instead`);
  }
  const [prologue, tables, epilogue] = await Promise.all([
    readFile(join(initDirectory, 'prologue.sql'), 'utf8'),
    createSchemaScript(url),
    readFile(join(initDirectory, 'epilogue.sql'), 'utf8'),
  ]);
  return await writeMigration(initName, [prologue, tables ?? '', epilogue]);
}

async function writeNext(url: string, name: string): Promise<string | null> {
  await migrate(url, logger);
  const script = await diffToSchema(url);
  if (script === null) return null;
  const timestamp = new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14);
  return await writeMigration(`${timestamp}_${name}`, [script]);
}

async function writeMigration(name: string, parts: string[]): Promise<string> {
  const path = join(migrationsDirectory, name, 'migration.sql');
  await mkdir(join(migrationsDirectory, name), { recursive: true });
  // In a transaction of its own, because Prisma runs a file's statements one by one and stops at the first that fails.
  const sections = ['BEGIN;', ...parts.map((part) => part.trim()), 'COMMIT;'];
  await writeFile(path, `${sections.filter((section) => section !== '').join('\n\n')}\n`);
  return path;
}

async function migrationNames(): Promise<string[]> {
  const entries = await readdir(migrationsDirectory, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

/**
 * Brings the database up to date without starting the server, as a deployment does before it starts new processes:
 *
 *   npm run migrate                    of DB_URL, or embedded in DATA_DIR (while no server uses it)
 *   npm run migrate -- --retry NAME    runs a migration again that failed earlier
 */
import { parseArgs } from 'node:util';
import { loadConfig } from '../config.ts';
import type { Logger } from '../domain/services.ts';
import { openEmbeddedPostgres } from '../infra/embedded-postgres.ts';
import { createLogger } from '../infra/logger.ts';
import { migrate } from '../infra/migrate.ts';

try {
  const { values } = parseArgs({ options: { retry: { type: 'string' } } });
  const config = loadConfig(process.env);
  const logger = createLogger(config, 'migrate');
  const applied = config.databaseUrl
    ? await migrate(config.databaseUrl, logger, values)
    : await migrateEmbedded(config.dataDir, logger, values);
  const what = applied.length > 0 ? `Applied ${applied.join(', ')}.` : 'The database is up to date.';
  process.stdout.write(`${what}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

async function migrateEmbedded(directory: string, logger: Logger, options: { retry?: string }) {
  const server = await openEmbeddedPostgres({ directory, logger });
  try {
    return await migrate(server.url, logger, options);
  } finally {
    await server.close();
  }
}

/**
 * Brings the database up to date without starting the server, as a deployment does before it starts new processes:
 *
 *   npm run migrate                    of DB_URL, or embedded in DATA_DIR (while no server uses it)
 *   npm run migrate -- --retry NAME    runs a migration again that failed earlier
 */
import { parseArgs } from 'node:util';
import { loadConfig } from '../config.ts';
import { openEmbeddedPostgres } from '../infra/embedded-postgres.ts';
import { createLogger } from '../infra/logger.ts';
import { migrate } from '../infra/migrate.ts';

const { values } = parseArgs({ options: { retry: { type: 'string' } } });
const config = loadConfig(process.env);
const logger = createLogger(config, 'migrate');
const embedded = config.databaseUrl
  ? null
  : await openEmbeddedPostgres({ directory: config.dataDir, logger });
try {
  const applied = await migrate(config.databaseUrl ?? embedded?.url ?? '', logger, values);
  const what = applied.length > 0 ? `Applied ${applied.join(', ')}.` : 'The database is up to date.';
  process.stdout.write(`${what}\n`);
} catch (error) {
  logger.error({ err: error }, 'The migration failed');
  process.exitCode = 1;
} finally {
  await embedded?.close();
}

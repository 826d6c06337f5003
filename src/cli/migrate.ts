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
import { type Program, runProgram } from '../infra/program.ts';

await runProgram(main);

async function main(program: Program): Promise<number> {
  const { values } = parseArgs({ options: { retry: { type: 'string' } } });
  const config = loadConfig(process.env);
  const logger = createLogger(config, 'migrate');
  const url = config.directUrl ?? (await openOwnPostgres());
  // Owned, so that Ctrl-C waits for it: a migration that is cut short has to be run again by hand.
  const applied = await program.own(
    () => migrate(url, logger, values),
    () => undefined,
  );
  const what = applied.length > 0 ? `Applied ${applied.join(', ')}.` : 'The database is up to date.';
  process.stdout.write(`${what}\n`);
  return 0;

  async function openOwnPostgres(): Promise<string> {
    const server = await program.own(
      () => openEmbeddedPostgres({ directory: config.dataDir, logger }),
      (opened) => opened.close(),
    );
    return server.url;
  }
}

import type { Config } from '../config.ts';
import type { Logger } from '../domain/services.ts';
import {
  findEmbeddedPostgres,
  hasEmbeddedPostgres,
  openEmbeddedPostgres,
} from '../infra/embedded-postgres.ts';
import type { Program } from '../infra/program.ts';

/** Throws where no server has ever kept anything: a look at the wrong place shall not make a database there. */
export async function requireDatabase({ databaseUrl, dataDir }: Config): Promise<void> {
  if (databaseUrl || (await hasEmbeddedPostgres(dataDir))) return;
  throw new Error(`There is no database in ${dataDir}: set DATA_DIR or DB_URL to the server's.`);
}

/**
 * The database that the configuration names, without a pooler between: DB_DIRECT_URL's or DB_URL's, the embedded one of a server that runs, or the embedded one of
 * DATA_DIR, run for as long as the program.
 */
export async function openDatabaseUrl(
  program: Program,
  { directUrl, dataDir }: Config,
  logger: Logger,
): Promise<string> {
  const known = directUrl ?? (await findEmbeddedPostgres(dataDir));
  if (known) return known;
  const server = await program.own(
    () => openEmbeddedPostgres({ directory: dataDir, logger }),
    (opened) => opened.close(),
  );
  return server.url;
}

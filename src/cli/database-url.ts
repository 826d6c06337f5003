import type { Config } from '../config.ts';
import type { Logger } from '../domain/services.ts';
import { findEmbeddedPostgres, openEmbeddedPostgres } from '../infra/embedded-postgres.ts';
import type { Program } from '../infra/program.ts';

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

/** Opens an embedded PostgreSQL in the folder given, prints its URL, and holds it until it is killed. */
import { openEmbeddedPostgres } from '../../src/infra/embedded-postgres.ts';
import { createLogger } from '../../src/infra/logger.ts';

const [directory = ''] = process.argv.slice(2);
const server = await openEmbeddedPostgres({
  directory,
  logger: createLogger({ logLevel: 'warn' }, 'holder'),
});
process.stdout.write(`${server.url}\n`);
process.once('SIGTERM', () => server.close());

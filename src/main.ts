import closeWithGrace from 'close-with-grace';
import { ConfigError, loadConfig } from './config.ts';
import { createLogger } from './infra/logger.ts';
import { startServer } from './server.ts';

/** How long requests and jobs may take to end once the process was told to. */
const SHUTDOWN_MS = 15_000;

try {
  const config = loadConfig(process.env);
  const logger = createLogger(config, 'api');
  const server = await startServer(config, logger);
  closeWithGrace({ delay: SHUTDOWN_MS, logger: false }, async ({ err: error }) => {
    if (error) logger.fatal({ error }, 'stopping after an unexpected error');
    await server.close();
  });
  const lines = [`Sidecar is listening on ${server.url}`, `  GraphQL  ${server.url}/graphql`];
  if (server.apiKeyMade) {
    lines.push(
      `  API key  ${server.apiKey}`,
      '           (made now and kept in the data directory; shown this once)',
    );
  }
  process.stdout.write(`${lines.join('\n')}\n`);
} catch (error) {
  const reason = error instanceof ConfigError ? error.message : `Sidecar could not start: ${reasonOf(error)}`;
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

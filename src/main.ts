import { ConfigError, loadStartConfig } from './config.ts';
import { apiKeyPath } from './infra/api-key.ts';
import { createLogger } from './infra/logger.ts';
import { type Program, reasonOf, runProgram } from './infra/program.ts';
import { traceProgram } from './infra/program-tracing.ts';
import { problemsOfStart } from './infra/start-problems.ts';
import { buildWeb, isWebCurrent } from './web-build.ts';

await runProgram(main, (error) =>
  error instanceof ConfigError ? error.message : `Sidecar could not start: ${reasonOf(error)}`,
);

/** Builds the pages when they are missing or older than their sources. Without them the API works all the same. */
async function ensurePages(logger: ReturnType<typeof createLogger>): Promise<void> {
  if (await isWebCurrent()) return;
  try {
    process.stdout.write('Building the pages (once) …\n');
    await buildWeb();
  } catch (error) {
    const reason = reasonOf(error);
    logger.warn(
      { reason },
      'the pages were not built: run "npm ci" and "npm run build:web"; the API works without them',
    );
  }
}

async function main(program: Program): Promise<null> {
  const config = await loadStartConfig(process.env, problemsOfStart);
  const logger = createLogger(config, 'api');
  program.logTo(logger);
  program.endWithin(config.shutdown.graceMs);
  await traceProgram(program, config.tracing, 'sidecar-api');
  await ensurePages(logger);
  // Loaded only now: it takes most of a start, and a configuration that is wrong shall be told at once.
  const { startServer } = await import('./server.ts');
  const server = await program.own(
    () => startServer(config, logger),
    (started, deadline) => started.close(deadline),
  );
  const lines = [`Sidecar is listening on ${server.url}`, `  GraphQL  ${server.url}/graphql`];
  if (server.apiKeyMade) {
    lines.push(
      `  API key  ${server.apiKey}`,
      '           (made now and kept in the data directory; shown this once)',
    );
  } else if (!config.apiKey) {
    // It may never have been shown: an import or a start that failed later makes it, too.
    lines.push(`  API key in ${apiKeyPath(config.dataDir)}`);
  }
  process.stdout.write(`${lines.join('\n')}\n`);
  return null;
}

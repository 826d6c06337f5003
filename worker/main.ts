import closeWithGrace from 'close-with-grace';
import { ConfigError, loadConfig } from '../src/config.ts';
import { createLogger } from '../src/infra/logger.ts';
import { openServices } from '../src/services.ts';
import { openWorker } from './worker.ts';

/** How long a running import may take to reach its next checkpoint once the process was told to stop. */
const SHUTDOWN_MS = 15_000;

try {
  const config = loadConfig(process.env);
  if (!config.databaseUrl) {
    throw new ConfigError([
      'DB_URL is required for a worker of its own; without it `npm start` runs one in its own process',
    ]);
  }
  const logger = createLogger(config, 'worker');
  const opened = await openServices(config, logger);
  const worker = openWorker(opened.services, opened.workerBackend, { ...config.worker, ...config.sync });
  closeWithGrace({ delay: SHUTDOWN_MS, logger: false }, async ({ err: error }) => {
    if (error) logger.fatal({ error }, 'stopping after an unexpected error');
    await worker.close();
    await opened.close();
  });
  logger.info({ concurrency: config.worker.concurrency }, 'waiting for jobs');
} catch (error) {
  const reason =
    error instanceof ConfigError
      ? error.message
      : `The worker could not start: ${error instanceof Error ? error.message : String(error)}`;
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}

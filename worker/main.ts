import { ConfigError, loadStartConfig } from '../src/config.ts';
import { createLogger } from '../src/infra/logger.ts';
import { type Program, reasonOf, runProgram } from '../src/infra/program.ts';
import { traceProgram } from '../src/infra/program-tracing.ts';
import { problemsOfStart } from '../src/infra/start-problems.ts';

await runProgram(main, (error) =>
  error instanceof ConfigError ? error.message : `The worker could not start: ${reasonOf(error)}`,
);

/** Of the time to end: what the jobs leave is for the connections. */
const JOBS_PART = 0.6;

async function main(program: Program): Promise<null> {
  const config = await loadStartConfig(process.env, problemsOfStart);
  if (!config.databaseUrl) {
    throw new ConfigError([
      'DB_URL is required for a worker of its own; without it `npm start` runs one in its own process',
    ]);
  }
  const logger = createLogger(config, 'worker');
  program.logTo(logger);
  program.endWithin(config.shutdown.graceMs);
  await traceProgram(program, config.tracing, 'sidecar-worker');
  // Loaded only now: it takes most of a start, and a configuration that is wrong shall be told at once.
  const [{ openServices }, { openWorker }] = await Promise.all([
    import('../src/services.ts'),
    import('./worker.ts'),
  ]);
  const opened = await program.own(
    () => openServices({ ...config, databaseUrl: config.directUrl }, logger),
    (services, deadline) => services.close(deadline),
  );
  await program.own(
    () => openWorker(opened.services, opened.workerBackend, { ...config.worker, ...config.sync }),
    (worker, deadline) => worker.close(deadline.share(JOBS_PART)),
  );
  logger.info({ concurrency: config.worker.concurrency }, 'waiting for jobs');
  return null;
}

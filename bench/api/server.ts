/** The real API without a worker, on the environment's database; prints where it listens. */
import { loadConfig } from '../../src/config.ts';
import { createLogger } from '../../src/infra/logger.ts';
import { runProgram } from '../../src/infra/program.ts';
import { serve } from '../../src/server.ts';
import { openServices } from '../../src/services.ts';
import { collectOnRequest } from './process.ts';

await runProgram(async (program) => {
  const config = loadConfig(process.env);
  const logger = createLogger(config, 'bench');
  const server = await program.own(
    // A worker in this process would take tasks that the bench writes itself.
    async () => serve({ ...(await openServices(config, logger)), embedded: false }, config, logger),
    (started) => started.close(),
  );
  collectOnRequest();
  process.stdout.write(`${server.url}\n`);
  return null;
});

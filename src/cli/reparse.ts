/** Reads every conversation again from the raw bytes kept in the database: npm run reparse, with no sync under way. */
import { loadConfig } from '../config.ts';
import { listArchiveOwners, reparseConversations } from '../domain/reparse.ts';
import { createLogger } from '../infra/logger.ts';
import { type Program, runProgram } from '../infra/program.ts';
import { openServices } from '../services.ts';
import { requireDatabase } from './database-url.ts';

await runProgram(reparse);

async function reparse(program: Program): Promise<number> {
  const config = loadConfig(process.env);
  await requireDatabase(config);
  // As a worker's, and beside a server that may run: that one has the port of metrics.
  const own = { ...config, databaseUrl: config.directUrl, metrics: null };
  const { services } = await program.own(
    () => openServices(own, createLogger({ logLevel: 'warn' }, 'reparse')),
    (opened) => opened.close(),
  );
  for (const userId of await listArchiveOwners(services)) {
    const { conversations, changed } = await reparseConversations(services, userId, (done) => {
      process.stderr.write(`${done.conversations} conversations read again\n`);
    });
    process.stdout.write(`User ${userId}: ${conversations} conversations, ${changed} came out otherwise.\n`);
  }
  return 0;
}

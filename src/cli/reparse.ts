/** Reads every conversation again from the raw bytes kept in the database: npm run reparse, with no sync under way. */
import { loadConfig } from '../config.ts';
import { listArchiveOwners, reparseConversations } from '../domain/reparse.ts';
import { createLogger } from '../infra/logger.ts';
import { openServices } from '../services.ts';

try {
  const opened = await openServices(loadConfig(process.env), createLogger({ logLevel: 'warn' }, 'reparse'));
  try {
    for (const userId of await listArchiveOwners(opened.services)) {
      const { conversations, changed } = await reparseConversations(opened.services, userId, (done) => {
        process.stderr.write(`${done.conversations} conversations read again\n`);
      });
      process.stdout.write(
        `User ${userId}: ${conversations} conversations, ${changed} came out otherwise.\n`,
      );
    }
  } finally {
    await opened.close();
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

import { v7 as uuidv7 } from 'uuid';
import { readConversation } from '../../src/archive/conversation.ts';
import { createConversationEncoder, createRowBatch } from '../../src/domain/import/rows.ts';
import { indexSomePending, tidyIndex } from '../../src/domain/search-index.ts';
import type { Services } from '../../src/domain/services.ts';
import { conversationAt } from '../generator/index.ts';

/** Of the generator, so that questions about the archive are known. */
export const SEED = 11;
const BATCH_CONVERSATIONS = 500;
const LANES = 2;

/** Writes conversations `from` to before `to` of the generator for a user, as an import would, and indexes them. */
export async function fillArchive(
  services: Services,
  userId: string,
  from: number,
  to: number,
): Promise<void> {
  const encode = createConversationEncoder(userId);
  for (let start = from; start < to; start += BATCH_CONVERSATIONS) {
    const batch = createRowBatch(userId);
    for (let index = start; index < Math.min(start + BATCH_CONVERSATIONS, to); index += 1) {
      const read = readConversation(Buffer.from(JSON.stringify(conversationAt(SEED, index))));
      if (read.kind !== 'conversation')
        throw new Error(`Conversation ${index} cannot be read: ${read.reason}`);
      batch.addConversation(encode({ id: uuidv7(), conversation: read.conversation }));
    }
    await services.database.transaction((tx) => batch.copyInto(tx));
  }
  const lane = async () => {
    while ((await indexSomePending(services, userId)) > 0);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

/** What autovacuum would have done by and by. */
export async function settle(services: Services): Promise<void> {
  await tidyIndex(services);
  for (const table of ['messages', 'message_search', 'conversations'])
    await services.database.query(`VACUUM (ANALYZE) ${table}`);
}

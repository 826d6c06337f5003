import { localId } from '../../src/domain/global-id.ts';
import { prepareBatch } from '../../src/domain/import/batch.ts';
import type { NewRows } from '../../src/domain/import/rows.ts';
import { writeBatch } from '../../src/domain/import/write.ts';
import type { Services } from '../../src/domain/services.ts';
import { claimTask } from '../../src/domain/sync/claim.ts';
import { finishTask } from '../../src/domain/sync/finish.ts';
import type { Tally } from '../../src/domain/sync/lease.ts';
import type { Json } from '../archive/builders.ts';
import type { TestServer, TestUser } from './server.ts';
import { startSync } from './syncs.ts';

/**
 * Writes conversations as an import does, and nothing else of it, on a server without a worker; then the task, whose id it
 * answers, is over. `services` may be the server's own, changed.
 */
export async function writeConversations(
  { exports }: TestServer,
  { client, viewer }: TestUser,
  conversations: Json[],
  services: Services,
): Promise<{ id: string; tally: Tally; added: NewRows | null }> {
  const { id } = await startSync(client, exports.serve('').url);
  const lease = await claimTask(services, viewer.userId, localId('SyncTask', id));
  if (!lease) throw new Error('The task could not be claimed.');
  const elements = conversations.map((conversation, element) => ({
    shard: 'conversations.json',
    element,
    content: { bytes: Buffer.from(JSON.stringify(conversation)) },
  }));
  const batch = await prepareBatch(services, viewer.userId, elements);
  const { tally, added } = await writeBatch(services, lease, batch, {});
  await finishTask(services, lease);
  return { id, tally, added };
}

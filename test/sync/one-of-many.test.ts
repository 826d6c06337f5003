import { afterAll, beforeAll, expect, test } from 'vitest';
import { localId } from '../../src/domain/global-id.ts';
import { prepareBatch } from '../../src/domain/import/batch.ts';
import { writeBatch } from '../../src/domain/import/write.ts';
import type { Services } from '../../src/domain/services.ts';
import { claimTask } from '../../src/domain/sync/claim.ts';
import { finishTask } from '../../src/domain/sync/finish.ts';
import { chatGpt, dialogue, type Json, node, say } from '../archive/builders.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { problemsOf, startSync } from '../support/syncs.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres', worker: false });
});
afterAll(() => server.close());

/** Writes conversations as an import does, and ends the task. */
async function write(services: Services, user: TestUser, conversations: Json[]) {
  const { id } = await startSync(user.client, server.exports.serve('').url);
  const lease = await claimTask(services, user.viewer.userId, localId('SyncTask', id));
  if (!lease) throw new Error('The task could not be claimed.');
  const elements = conversations.map((conversation, element) => ({
    shard: 'conversations.json',
    element,
    content: { bytes: Buffer.from(JSON.stringify(conversation)) },
  }));
  const batch = await prepareBatch(services, user.viewer.userId, elements);
  const { tally } = await writeBatch(services, lease, batch, {});
  await finishTask(services, lease);
  return { id, tally };
}

/** Of more parameters than one call takes. */
const FILES = 150_000;

test('a message that names very many files is imported, and grows, as any other', async () => {
  const attachments = Array.from({ length: FILES }, (_, index) => ({ id: `file-${index}` }));
  const many = (last: string) =>
    chatGpt(
      [
        node('many', null, say('user', 'See here', { metadata: { attachments } })),
        node(last, 'many', say('user', last)),
      ],
      { conversation_id: 'many', update_time: last.length },
    );
  const user = await server.asUser();
  const first = await write(server.services, user, [dialogue('one'), many('first'), dialogue('two')]);
  expect(first.tally).toMatchObject({ added: 3, failed: 0 });
  const second = await write(server.services, user, [dialogue('one'), many('another')]);
  expect(second.tally).toMatchObject({ updated: 1, unchanged: 1, messagesAdded: 1, failed: 0 });
  const [row] = await server.services.database.query<{ links: number }>(
    'SELECT count(*)::int AS links FROM message_assets WHERE user_id = $1',
    [user.viewer.userId],
  );
  expect(row?.links).toBe(FILES);
});

test('a conversation over which Sidecar itself stumbles costs no other one', async () => {
  const user = await server.asUser();
  const form = (id: string, time: number) => ({ ...dialogue(id), title: `${id} ${time}`, update_time: time });
  await write(server.services, user, [form('good', 1), form('odd', 1)]);
  const stumbling: Services = {
    ...server.services,
    reader: {
      ...server.services.reader,
      merge(versions) {
        if (versions.some(({ updatedAtMs }) => updatedAtMs === 13_000))
          throw new TypeError('nobody thought of this');
        return server.services.reader.merge(versions);
      },
    },
  };
  const { id, tally } = await write(stumbling, user, [form('odd', 13), form('good', 3)]);
  expect(tally).toMatchObject({ updated: 1, failed: 1 });
  expect(await problemsOf(user.client, id)).toMatchObject([
    { externalId: 'odd', outcome: 'FAILED', code: 'NOT_STORABLE' },
  ]);
  expect(server.logged()).toContain('nobody thought of this');
});

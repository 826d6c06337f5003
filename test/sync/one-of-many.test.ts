import { NIL } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConversation } from '../../src/archive/conversation.ts';
import { createConversationEncoder, createRowBatch } from '../../src/domain/import/rows.ts';
import type { Services } from '../../src/domain/services.ts';
import { bytesOf, dialogue } from '../archive/builders.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { problemsOf } from '../support/syncs.ts';
import { writeConversations } from '../support/write-conversations.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres', worker: false });
});
afterAll(() => server.close());

test('a message may name more files than a call takes parameters', () => {
  const rows = createRowBatch(NIL);
  const assets = Array.from({ length: 200_000 }, (_, index) => ({
    ...{ externalId: `file-${index}`, name: null, mimeType: null, sizeBytes: null },
  }));
  const result = readConversation(bytesOf(dialogue('many')));
  if (result.kind !== 'conversation') throw new Error('It is no conversation.');
  const { conversation } = result;
  const messages = conversation.messages.map((message) => ({ ...message, assets }));
  const planned = { id: NIL, conversation: { ...conversation, messages } };
  expect(() => rows.addConversation(createConversationEncoder(NIL)(planned))).not.toThrow();
  expect(() => rows.addMessages(planned, messages)).not.toThrow();
});

test('a conversation over which Sidecar itself stumbles costs no other one', async () => {
  const user = await server.asUser();
  const form = (id: string, time: number) => ({ ...dialogue(id), title: `${id} ${time}`, update_time: time });
  await writeConversations(server, user, [form('good', 1), form('odd', 1)], server.services);
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
  const { id, tally } = await writeConversations(server, user, [form('odd', 13), form('good', 3)], stumbling);
  expect(tally).toMatchObject({ updated: 1, failed: 1 });
  expect(await problemsOf(user.client, id)).toMatchObject([
    { externalId: 'odd', outcome: 'FAILED', code: 'NOT_STORABLE' },
  ]);
  expect(server.logged()).toContain('nobody thought of this');
});

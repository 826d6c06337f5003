import { afterAll, beforeAll, expect, test } from 'vitest';
import { startChatServer } from '../support/chats.ts';
import { exportOf } from '../support/exports.ts';

let chat: Awaited<ReturnType<typeof startChatServer>>;
beforeAll(async () => {
  chat = await startChatServer();
});
afterAll(() => chat.close());

test('what a failed turn belongs to can be asked for with the failure', async () => {
  chat.model.next((answer) => answer.finish());
  const { sendChatMessage } = await chat.server.client.request<{ sendChatMessage: object }>(
    `mutation { sendChatMessage(input: { query: "What is left unsaid?" }) {
      __typename ... on ChatUnavailable { turn { query status session { title } } }
    } }`,
  );
  expect(sendChatMessage).toEqual({
    __typename: 'ChatUnavailable',
    turn: {
      query: 'What is left unsaid?',
      status: 'FAILED',
      session: { title: 'What is left unsaid?' },
    },
  });
});

test('whose a new task is can be asked for with the task', async () => {
  const { server } = chat;
  const { client } = await server.asUser();
  const { viewer } = await client.request<{ viewer: { id: string } }>('{ viewer { id } }');
  const { startSync } = await client.request<{ startSync: object }>(
    `mutation Start($input: StartSyncInput!) {
      startSync(input: $input) { __typename ... on SyncTask { id user { id } } }
    }`,
    { input: { exportUrl: server.exports.serve(await exportOf([])).url } },
  );
  expect(startSync).toEqual({ __typename: 'SyncTask', id: expect.any(String), user: { id: viewer.id } });
});

test('an id that is none leads to nothing, whatever is selected below it', async () => {
  const unknown = '{ syncStatus(taskId: "none") { user { id } } chatSession(id: "none") { title } }';
  expect(await chat.server.client.ask(unknown)).toEqual({ data: { syncStatus: null, chatSession: null } });
});

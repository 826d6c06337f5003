import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeKey, revokeKey } from '../support/api-keys.ts';
import { startChatServer } from '../support/chats.ts';
import { until } from '../support/until.ts';

let chat: Awaited<ReturnType<typeof startChatServer>>;
beforeAll(async () => {
  chat = await startChatServer();
});
afterAll(() => chat.close());

test('an answer that streams ends with the key that asked for it, and the model is told', async () => {
  const { server, model } = chat;
  const { key, apiKey, client } = await makeKey(server, server.client);
  model.next((answer) => answer.say('Half an answer'));
  const response = await fetch(`${server.url}/chat/stream`, {
    method: 'POST',
    headers: { 'x-api-key': key, 'content-type': 'application/json' },
    body: JSON.stringify({ query: 'marrowfat' }),
  });
  expect(response.status).toBe(200);
  const text = response.text();
  await until('the model was asked', () => model.asked.length > 0);
  await revokeKey(server.client, apiKey.id);
  expect(await text).toMatch(/"type":"error".*Sign in/);
  await until('the model’s server sees that nobody reads', () => model.asked[0]?.aborted === true);
  await client.close();
});

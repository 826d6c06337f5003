import { afterAll, beforeAll, expect, test } from 'vitest';
import { askForKey } from '../support/api-keys.ts';
import { startChatServer } from '../support/chats.ts';
import { changeTask } from '../support/syncs.ts';

/** One use of each kind. */
const env = { RATE_LIMIT_FACTOR: '0.01' };

let chat: Awaited<ReturnType<typeof startChatServer>>;
beforeAll(async () => {
  chat = await startChatServer({ env });
});
afterAll(() => chat.close());

test('keys cannot be made without end', async () => {
  const { client } = await chat.server.asUser();
  const input = { name: 'one', scopes: ['READ'] };
  expect((await askForKey(client, input)).__typename).toBe('CreatedApiKey');
  expect((await askForKey(client, input)).code).toBe('TOO_MANY_REQUESTS');
});

test.each(['/chat', '/chat/stream', '/suggest', '/analyze'])(
  'a model cannot be asked without end at %s',
  async (path) => {
    const { client } = await chat.server.asUser();
    const body = path === '/analyze' ? { text: 'Some text.' } : { query: 'marrowfat' };
    const first = await client.rest('POST', path, body);
    const second = await client.rest('POST', path, body);
    expect([first.status, second.status]).toEqual([200, 429]);
  },
);

test('other spellings cannot be asked for without end', async () => {
  const { client } = await chat.server.asUser();
  // A search and five spellings are what there is.
  const asked = Array.from({ length: 6 }, (_, index) => `a${index}: didYouMean`).join(' ');
  const { errors } = await client.ask(`{ search(query: "marrowfat") { ${asked} } }`);
  expect(errors).toMatchObject([{ extensions: { code: 'TOO_MANY_REQUESTS' } }]);
});

test('archives cannot be sent without end', async () => {
  const { client } = await chat.server.asUser();
  const first = await client.rest('POST', '/sync/upload', Buffer.from('no zip'));
  expect(first.status).toBe(202);
  await changeTask(client, 'cancelSync', (first.json as { task_id: string }).task_id);
  expect((await client.rest('POST', '/sync/upload', Buffer.from('no zip'))).status).toBe(429);
});

test('resumable uploads cannot be begun without end', async () => {
  const { apiKey } = await chat.server.asUser();
  const begin = () =>
    fetch(`${chat.server.url}/sync/upload/resumable`, {
      method: 'POST',
      headers: { 'x-api-key': apiKey, 'tus-resumable': '1.0.0', 'upload-length': '1000' },
    });
  expect([(await begin()).status, (await begin()).status]).toEqual([201, 429]);
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { bytesOf, dialogue, makeZip } from '../archive/builders.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { changeTask, problemsOf, sync, untilOver } from '../support/syncs.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

/** An export, and what is left of it where two letters were changed on the way. */
function exports(...ids: string[]): { good: Buffer; damaged: Buffer } {
  const data = bytesOf(ids.map((id) => dialogue(id)));
  const good = makeZip([{ name: 'conversations.json', data, method: 0 }]);
  const damaged = Buffer.from(good);
  damaged.write('#%', damaged.indexOf('answer of b'));
  return { good, damaged };
}

const textsOf = async ({ viewer }: TestUser): Promise<string[]> => {
  const rows = await server.services.database.query<{ text: string }>(
    `SELECT text FROM messages WHERE user_id = $1 AND role = 'assistant' ORDER BY text`,
    [viewer.userId],
  );
  return rows.map(({ text }) => text);
};

const right = ['a', 'b', 'c'].map((id) => `answer of ${id}`);

test.each([
  ['retried', ['retrySync']],
  ['synced again', ['sync']],
  ['retried and synced again', ['retrySync', 'sync']],
])('a damaged export that is %s is right when it came whole', async (_how, steps) => {
  const user = await server.asUser();
  const { good, damaged } = exports('a', 'b', 'c');
  const file = server.exports.serve(damaged);
  const first = await sync(user.client, file.url);
  expect(first).toMatchObject({ status: 'PARTIAL', counts: { added: 3 } });
  expect(await problemsOf(user.client, first.id)).toMatchObject([{ outcome: 'FAILED', code: 'ZIP_BAD_CRC' }]);
  expect(await textsOf(user)).not.toEqual(right);

  file.replace(good);
  for (const step of steps) {
    if (step === 'retrySync') await changeTask(user.client, step, first.id);
    const task = step === 'sync' ? await sync(user.client, file.url) : await untilOver(user.client, first.id);
    expect(task).toMatchObject({ status: 'COMPLETED', progress: { conversationsDone: 3 } });
    expect(await textsOf(user)).toEqual(right);
  }
});

test('a damaged export takes nothing from what came whole before', async () => {
  const user = await server.asUser();
  const { good, damaged } = exports('a', 'b', 'c');
  await sync(user.client, server.exports.serve(good).url);
  const second = await sync(user.client, server.exports.serve(damaged).url);
  expect(second).toMatchObject({ status: 'PARTIAL', counts: { unchanged: 2 } });
  expect(await textsOf(user)).toEqual(right);
});

test('a shard of which nothing can be read takes nothing from what the others bring', async () => {
  const user = await server.asUser();
  // Of the same time, so that the longer one counts as newer.
  const [known, longer] = ['Short', 'A longer title'].map((title) => bytesOf([dialogue('a', { title })]));
  await sync(user.client, server.exports.serve(makeZip([{ name: 'conversations.json', data: known }])).url);
  const name = 'conversations-001.json';
  const zip = makeZip([
    { name: 'conversations-000.json', data: longer },
    { name, data: bytesOf([dialogue('b')]) },
  ]);
  // No block of deflate begins like that.
  zip.fill(0xff, zip.indexOf(name) + name.length, zip.indexOf(name) + name.length + 4);
  const task = await sync(user.client, server.exports.serve(zip).url);
  expect(task).toMatchObject({ status: 'PARTIAL', counts: { updated: 1 } });
  expect(await problemsOf(user.client, task.id)).toMatchObject([{ outcome: 'FAILED', code: 'ZIP_BAD_DATA' }]);
  const [row] = await server.services.database.query<{ title: string }>(
    'SELECT title FROM conversations WHERE user_id = $1',
    [user.viewer.userId],
  );
  expect(row?.title).toBe('A longer title');
});

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

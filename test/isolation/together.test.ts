import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeKey, revokeKey } from '../support/api-keys.ts';
import { createTestClient } from '../support/client.ts';
import { exportOf } from '../support/exports.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { startSync, type TaskAnswer, untilOver } from '../support/syncs.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

const TIMES = 20;

test('of tasks that are asked for at the same time everybody is shown their own alone', async () => {
  const users = await Promise.all([server.asUser(), server.asUser()]);
  const { url } = server.exports.serve(await exportOf([]));
  const ids = await Promise.all(users.map(async ({ client }) => (await startSync(client, url)).id));
  await Promise.all(users.map(({ client }, index) => untilOver(client, ids[index] ?? '')));

  const document = 'query One($taskId: ID!) { syncStatus(taskId: $taskId) { id user { id } } }';
  const plain = 'query One($taskId: ID!) { syncStatus(taskId: $taskId) { id } }';
  const questions = Array.from({ length: TIMES }).flatMap(() =>
    users.flatMap(({ client }, asker) =>
      ids.flatMap((taskId, owner) => [
        { asker, owner, answer: client.ask<{ syncStatus: TaskAnswer | null }>(plain, { taskId }) },
        { asker, owner, answer: client.ask<{ syncStatus: TaskAnswer | null }>(document, { taskId }) },
      ]),
    ),
  );
  for (const { asker, owner, answer } of questions) {
    const { data, errors } = await answer;
    expect(errors).toBeUndefined();
    expect(data?.syncStatus?.id ?? null).toBe(asker === owner ? ids[owner] : null);
  }
});

test('of keys that are shown at the same time those that are right let in, and their last use is noted once', async () => {
  const { client, viewer } = await server.asUser();
  const [right, other, revoked] = [
    await makeKey(server, client, { name: 'right' }),
    await makeKey(server, client, { name: 'other' }),
    await makeKey(server, client, { name: 'revoked' }),
  ];
  await revokeKey(client, revoked.apiKey.id);
  // The prefix of one and the secret of another.
  const mixed = createTestClient(
    server.url,
    `${right.apiKey.prefix}${other.key.slice(other.apiKey.prefix.length)}`,
  );
  const whoami = 'query { viewer { id } }';
  const asked = Array.from({ length: TIMES }).map(() =>
    Promise.all([right, other, revoked, { client: mixed }].map((each) => each.client.ask(whoami))),
  );
  const own = { data: { viewer: { id: expect.any(String) } } };
  const nobody = { data: { viewer: null } };
  for (const answers of await Promise.all(asked)) expect(answers).toEqual([own, own, nobody, nobody]);
  const uses = await server.services.prisma.auditEvent.count({
    where: { userId: viewer.userId, action: 'api_key.used' },
  });
  expect(uses).toBe(2);
  for (const each of [right.client, other.client, revoked.client, mixed]) await each.close();
});

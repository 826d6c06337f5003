import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LookedUpTo, requeueLostTasks } from '../../src/domain/reconcile.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const TASKS = 1_200;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'redis', worker: false });
});
afterAll(() => server.close());

test('of more tasks than one look goes through, each gets its lost job back', async () => {
  const { database } = server.services;
  await database.query(
    `WITH made AS (INSERT INTO users (id) SELECT gen_random_uuid() FROM generate_series(1, $1) RETURNING id)
     INSERT INTO sync_tasks (user_id, id, trigger, source, created_at)
     SELECT id, gen_random_uuid(), 'UPLOAD', 'lost.zip', now() - interval '1 hour' FROM made`,
    [TASKS],
  );
  const upTo: LookedUpTo = {};
  const looks = [];
  for (let look = 0; look < 3; look += 1) looks.push(await requeueLostTasks(server.services, upTo));
  expect(looks).toEqual([1_000, 200, 0]);
});

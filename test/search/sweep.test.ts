import { afterAll, beforeAll, expect, test } from 'vitest';
import { sweepSearchIndex } from '../../src/domain/search-index.ts';
import { emptyIndex } from '../support/search-index.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';
import { userWith } from '../support/users.ts';
import { foundBy, messages } from './search.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

test('a sweep leaves alone whose import is to index the rest, and stops when it is told to', async () => {
  const [free, busy] = [
    await userWith(server, [messages({ free: 'an echidna' })]),
    await userWith(server, [messages({ busy: 'an echidna' })]),
  ];
  for (const user of [free, busy]) await emptyIndex(server, user);
  const { database } = server.services;
  const setStatus = (status: string, heartbeat: string) =>
    database.query(
      `UPDATE sync_tasks SET status = $2::"SyncStatus", heartbeat_at = ${heartbeat} WHERE user_id = $1`,
      [busy.viewer.userId, status],
    );
  await setStatus('RUNNING', 'now()');
  await sweepSearchIndex(server.services, AbortSignal.abort());
  expect(await foundBy(free, 'echidna')).toEqual([]);
  await sweepSearchIndex(server.services, new AbortController().signal);
  expect(await foundBy(free, 'echidna')).toEqual(['free']);
  expect(await foundBy(busy, 'echidna')).toEqual([]);
  await setStatus('CANCELLED', 'NULL');
  await sweepSearchIndex(server.services, new AbortController().signal);
  expect(await foundBy(busy, 'echidna')).toEqual(['busy']);
});

test('what waits for the index is found again once a worker has started, without an import', async () => {
  const users = [
    await userWith(server, [messages({ one: 'a platypus' })]),
    await userWith(server, [messages({ two: 'another platypus' })]),
  ];
  for (const user of users) await emptyIndex(server, user);
  for (const user of users) expect(await foundBy(user, 'platypus')).toEqual([]);
  await server.startWorker();
  for (const [index, user] of users.entries()) {
    const wanted = ['one', 'two'][index];
    await until('it is found', async () => (await foundBy(user, 'platypus'))[0] === wanted);
  }
});

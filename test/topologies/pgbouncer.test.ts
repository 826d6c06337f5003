import { expect, onTestFinished, test } from 'vitest';
import { checkPooler } from '../../src/infra/doctor/pooler.ts';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import { startPgBouncer } from '../support/pgbouncer.ts';
import { createTestDatabase, query } from '../support/postgres.ts';
import { startTestServer } from '../support/server.ts';
import { changeTask, sync } from '../support/syncs.ts';

const POOL_SIZE = 3;

test('Requests may go through a PgBouncer in transaction mode, beside a direct way for what needs a session', async () => {
  const database = await createTestDatabase();
  onTestFinished(database.drop);
  const bouncer = await startPgBouncer(database.url, POOL_SIZE);
  onTestFinished(bouncer.close);
  const server = await startTestServer({
    backend: 'postgres',
    env: { DB_URL: bouncer.url, DB_DIRECT_URL: database.url },
  });
  onTestFinished(() => server.close());

  const file = server.exports.serve(await exportOf([dialogue('pooled'), dialogue('shared')]));
  const task = await sync(server.client, file.url);
  expect(task).toMatchObject({ status: 'COMPLETED', counts: { added: 2 } });
  const answers = await Promise.all(
    Array.from({ length: 40 }, () =>
      server.client.request<{ search: { edges: object[] }; conversations: { totalCount: number } }>(
        '{ search(query: "pooled", first: 5) { edges { node { score } } } conversations(first: 1) { totalCount } }',
      ),
    ),
  );
  for (const { search, conversations } of answers) {
    expect(search.edges.length).toBeGreaterThan(0);
    expect(conversations.totalCount).toBe(2);
  }
  // BullMQ names its own listener, which goes the direct way, after the queue.
  const [pooled] = await query(
    database.url,
    `SELECT count(*)::int AS connections FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'sidecar' AND query NOT ILIKE '%listen%'`,
  );
  expect(pooled?.connections).toBeGreaterThan(0);
  expect(pooled?.connections).toBeLessThanOrEqual(POOL_SIZE);
  expect(await changeTask(server.client, 'undoSync', task.id)).toMatchObject({ status: 'UNDONE' });

  const another = new URL(database.url);
  another.pathname = '/postgres';
  const [unmarked = ''] = bouncer.url.split('?');
  const found = [];
  for (const [url, directUrl] of [
    [bouncer.url, database.url],
    [bouncer.url, another.href],
    [unmarked, database.url],
  ] as const) {
    for await (const { level, message } of checkPooler(url, directUrl)) found.push(`${level} ${message}`);
  }
  expect(found).toEqual([
    'ok DB_URL leads to the database of DB_DIRECT_URL.',
    expect.stringMatching(/^mend DB_URL and DB_DIRECT_URL lead to different databases/),
    expect.stringMatching(/^mend DB_URL does not answer: .*Add pgbouncer=true/),
  ]);
});

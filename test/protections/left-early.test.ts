import { readdir, readlink } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { about, importAll, startChatServer } from '../support/chats.ts';
import { withFiles } from '../support/conversations.ts';
import { zipOf } from '../support/exports.ts';
import { lockTable } from '../support/locks.ts';
import { createTestDatabase } from '../support/postgres.ts';
import type { TestServer } from '../support/server.ts';
import { sync } from '../support/syncs.ts';
import { until } from '../support/until.ts';

let server: TestServer;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ server, close } = await startChatServer({ env: { MAX_SUBSCRIPTIONS: '1' } }));
  await importAll(server, server.client, [about('kite', 'Which kite flies highest?', 'The zephyrine kite.')]);
  const files = {
    'conversations.json': JSON.stringify([withFiles('one', { id: 'file-One', name: 'one.png' })]),
    'file-One-one.png': 'a picture',
  };
  expect(await sync(server.client, server.exports.serve(await zipOf(files)).url)).toMatchObject({
    status: 'COMPLETED',
  });
});
afterAll(() => close());

const leftSoFar = () => server.logged().split('"request aborted"').length - 1;

/** Sends a request that cannot be answered while `table` is locked, and leaves before it can. */
async function leave(path: string, table: string, init: RequestInit = {}): Promise<void> {
  const before = leftSoFar();
  const lock = await lockTable(server.databaseUrl, table);
  const leaving = new AbortController();
  const headers = { 'x-api-key': server.apiKey, 'content-type': 'application/json', ...init.headers };
  const asked = fetch(new URL(path, server.url), { ...init, headers, signal: leaving.signal }).catch(
    () => null,
  );
  try {
    await until('the request waits', lock.isWaitedFor);
    leaving.abort();
    expect(await asked).toBeNull();
    await until('the server knows that the client is gone', () => leftSoFar() > before);
  } finally {
    await lock.release();
  }
}

const events = { accept: 'text/event-stream' };
const graphql = (query: string) => ({
  method: 'POST',
  headers: events,
  body: JSON.stringify({ query }),
});

/** Whether there is room for the one stream that the user may have. */
async function hasRoom(): Promise<boolean> {
  const leaving = new AbortController();
  const response = await fetch(new URL('/graphql', server.url), {
    ...graphql('subscription { syncActivity { id } }'),
    headers: { ...events, 'x-api-key': server.apiKey, 'content-type': 'application/json' },
    signal: leaving.signal,
  });
  leaving.abort();
  return response.status === 200;
}

test.each([
  ['an answer', '/chat/stream', 'message_search', { method: 'POST', body: '{"query": "zephyrine kite"}' }],
  [
    'an answer by GraphQL',
    '/graphql',
    'message_search',
    graphql('subscription { chat(input: { query: "zephyrine kite" }) { __typename } }'),
  ],
  [
    'the states of a task',
    '/graphql',
    'sync_tasks',
    graphql('subscription { syncStatus(taskId: "01a22e3a-e91b-7464-a891-8e95c6710a7f") { id } }'),
  ],
])('who leaves before %s begins holds no stream open', async (_name, path, table, init) => {
  await leave(path, table, init);
  await until('there is room for another', hasRoom);
});

test.each(['sse', 'websocket'] as const)(
  'an answer that fails unexpectedly over %s holds no stream open',
  async (transport) => {
    const { client, services } = server;
    await services.database.query('ALTER TABLE chat_turns RENAME TO chat_turns_away');
    const answer = client.subscribe(
      transport,
      'subscription { chat(input: { query: "kite" }) { __typename } }',
    );
    await expect(answer.next()).rejects.toThrow();
    await services.database.query('ALTER TABLE chat_turns_away RENAME TO chat_turns');
    await until('there is room for another', hasRoom);
  },
);

test('an answer that fails before it begins holds no stream open', async () => {
  const database = await createTestDatabase();
  const replicated = await startChatServer({
    env: { MAX_SUBSCRIPTIONS: '1', DB_URL: database.url, DB_REPLICA_URLS: database.url },
  });
  try {
    const { client, services } = replicated.server;
    const begin = async () => (await client.rest('POST', '/chat/stream', { query: 'kite' })).status;
    await services.database.query(
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''refused''; END'`,
    );
    // What replicas need: a version of the user's row that tells of the write.
    await services.database.query(
      'CREATE TRIGGER refuse BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION refuse()',
    );
    expect(await begin()).toBe(500);
    await services.database.query('DROP TRIGGER refuse ON users');
    expect(await begin()).toBe(200);
  } finally {
    await replicated.close();
    await database.drop();
  }
});

test('who leaves before a file begins holds no file open', async () => {
  const { conversations } = await server.client.request<{
    conversations: { edges: { node: { assets: { url: string; sha256: string }[] } }[] };
  }>('{ conversations { edges { node { assets { url sha256 } } } } }');
  const [asset] = conversations.edges.flatMap(({ node }) => node.assets);
  if (!asset) throw new Error('There is no file.');
  await leave(asset.url, 'assets');
  await until('it is closed', async () => {
    const open = await readdir('/proc/self/fd');
    const paths = await Promise.all(open.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
    return !paths.some((path) => path.includes(asset.sha256));
  });
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { NewRows } from '../../src/domain/import/rows.ts';
import { type SearchWatch, watchSearches } from '../../src/domain/search/activity.ts';
import { countPending, indexNew, indexSomeAnew, indexSomePending } from '../../src/domain/search-index.ts';
import type { Services } from '../../src/domain/services.ts';
import { openIndexer } from '../../worker/indexer.ts';
import { dialogue, type Json } from '../archive/builders.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { writeConversations } from '../support/write-conversations.ts';
import { foundBy, messages } from './search.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres', worker: false });
});
afterAll(() => server.close());

const searches = (areSearching: boolean): SearchWatch => ({
  areSearching: () => areSearching,
  needsRoom: () => areSearching,
  listening: Promise.resolve(),
  close() {},
});

const write = async (user: TestUser, conversations: Json[]): Promise<NewRows | null> =>
  (await writeConversations(server, user, conversations, server.services)).added;

function present(rows: NewRows | null): NewRows {
  if (!rows) throw new Error('There are no new rows.');
  return rows;
}

const indexOf = (user: TestUser) =>
  server.services.database.query(
    `SELECT conversation_id, node_id, terms::text, created_at, role, kind, on_active_path FROM message_search
     WHERE user_id = $1 ORDER BY conversation_id, node_id`,
    [user.viewer.userId],
  );

test('new conversations are indexed from memory just as from the database', async () => {
  const user = await server.asUser();
  const { userId } = user.viewer;
  const timeless = messages(
    { a: 'Quokkas of Rottnest', b: '' },
    { conversation_id: 'timeless', create_time: 7 },
  );
  const rows = present(await write(user, [dialogue('one'), dialogue('two'), timeless]));
  expect(await indexNew(server.services, userId, rows, { urgent: true })).toBe(3);
  const fromMemory = await indexOf(user);
  expect(fromMemory.length).toBeGreaterThan(5);
  expect(await foundBy(user, 'quokka')).toEqual(['a']);
  expect(await indexSomePending(server.services, userId)).toBe(0);

  await server.services.database.query('DELETE FROM message_search WHERE user_id = $1', [userId]);
  await server.services.database.query('UPDATE conversations SET search_pending = true WHERE user_id = $1', [
    userId,
  ]);
  while ((await indexSomePending(server.services, userId)) > 0);
  expect(await indexOf(user)).toEqual(fromMemory);
});

test('what was changed since it was written is indexed as it is now', async () => {
  const user = await server.asUser();
  const { userId } = user.viewer;
  const rows = present(await write(user, [messages({ a: 'a numbat' }, { title: 'Bilby' })]));
  await server.services.database.query(`UPDATE conversations SET title = 'Wombat' WHERE user_id = $1`, [
    userId,
  ]);
  expect(await indexNew(server.services, userId, rows, { urgent: true })).toBe(0);
  while ((await indexSomePending(server.services, userId)) > 0);
  expect(await foundBy(user, 'numbat')).toEqual(['a']);
  expect(await foundBy(user, 'wombat')).toHaveLength(1);
  expect(await foundBy(user, 'bilby')).toEqual([]);
});

test('two forms of a conversation in one batch are left to be read again', async () => {
  const user = await server.asUser();
  const [first, second] = [messages({ a: 'a numbat' }), messages({ a: 'a dunnart' })];
  expect(await write(user, [first, { ...second, update_time: 2_000_000_000 }])).toBeNull();
  while ((await indexSomePending(server.services, user.viewer.userId)) > 0);
  expect(await foundBy(user, 'dunnart')).toEqual(['a']);
  expect(await foundBy(user, 'numbat')).toEqual([]);
});

test('rows that could be kept nowhere are read again by the end of an import', async () => {
  const user = await server.asUser();
  const { userId } = user.viewer;
  const indexer = openIndexer(server.services, userId, '/missing/rows', searches(false));
  const rows = present(await write(user, [dialogue('kept'), dialogue('lost')]));
  await indexer.add({ ...rows, bytes: 5 * 1024 * 1024 });
  const shares: number[] = [];
  const reporter = { share: (done: number, total: number) => void shares.push(done / total) };
  await indexer.finish(reporter, new AbortController().signal);
  await indexer.stop();
  expect(shares.at(-1)).toBe(1);
  expect(server.logged()).toContain('new rows could not be kept');
  expect(await countPending(server.services, userId)).toEqual({ pending: 0, total: 2 });
  expect((await indexOf(user)).length).toBeGreaterThan(4);
});

test('the first rows of an import are indexed before anything else, those of its last phase in turn', async () => {
  const user = await server.asUser();
  const { threads } = server.services;
  const urgent: boolean[] = [];
  const services: Services = {
    ...server.services,
    threads: {
      ...threads,
      analyzeSent(rows) {
        urgent.push(rows.urgent);
        return threads.analyzeSent(rows);
      },
    },
  };
  const indexer = openIndexer(services, user.viewer.userId, '/missing/rows', searches(false));
  await indexer.add(present(await write(user, [dialogue('first')])));
  await indexer.add(present(await write(user, [dialogue('later')])));
  await indexer.finish({ share() {} }, new AbortController().signal);
  await indexer.stop();
  expect(urgent).toEqual([true, false]);
});

test.each([
  { needsRoom: false, lanes: 2 },
  { needsRoom: true, lanes: 1 },
])(
  'the last phase indexes in $lanes lanes when a search needs room: $needsRoom',
  async ({ needsRoom, lanes }) => {
    const user = await server.asUser();
    const { threads } = server.services;
    let running = 0;
    let most = 0;
    const services: Services = {
      ...server.services,
      threads: {
        ...threads,
        async analyzeSent(rows) {
          running += 1;
          most = Math.max(most, running);
          return threads.analyzeSent(rows).finally(() => {
            running -= 1;
          });
        },
      },
    };
    const indexer = openIndexer(services, user.viewer.userId, '/missing/rows', searches(needsRoom));
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
      await indexer.add(present(await write(user, [dialogue(name)])));
    }
    await indexer.finish({ share() {} }, new AbortController().signal);
    await indexer.stop();
    expect(most).toBe(lanes);
  },
);

/** Of the table's index, a list that PostgreSQL sorts in at some length. */
async function takePendingList(): Promise<number> {
  const [row] = await server.services.database.query<{ bytes: number }>(
    `SELECT gin_clean_pending_list('message_search_terms') * current_setting('block_size')::int8 AS bytes`,
  );
  return Number(row?.bytes);
}

/** Indexes as an import does. */
const inAnImport = (areSearching: boolean) => async (user: TestUser, added: NewRows[]) => {
  const indexer = openIndexer(server.services, user.viewer.userId, '/missing/rows', searches(areSearching));
  for (const rows of added) await indexer.add(rows);
  await indexer.finish({ share() {} }, new AbortController().signal);
  await indexer.stop();
};

test.each([
  { by: 'an import while nobody searches', index: inAnImport(false), least: 4.5, most: 16.2 },
  { by: 'an import beside searches', index: inAnImport(true), least: 0, most: 0.6 },
  {
    by: 'whoever undoes, reads again or sweeps',
    async index({ viewer }: TestUser) {
      while ((await indexSomePending(server.services, viewer.userId)) > 0);
    },
    least: 0,
    most: 0.6,
  },
  {
    by: 'reindexing',
    async index({ viewer }: TestUser) {
      let last: string | null = null;
      do last = (await indexSomeAnew(server.services, viewer.userId, last))?.last ?? null;
      while (last !== null);
    },
    least: 0,
    most: 0.6,
  },
])('$by leaves at most $most MB that are not sorted into the index', async ({ index, least, most }) => {
  const user = await server.asUser();
  // It would sort in what is to be measured.
  await server.services.database.query('ALTER TABLE message_search SET (autovacuum_enabled = off)');
  await takePendingList();
  const words = Array.from({ length: 1_000 }, (_, index) => `word${index}x${index}`).join(' ');
  const added: NewRows[] = [];
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) {
    const texts = Array.from({ length: 100 }, (_, index) => [`${name}${index}`, `${words} ${index}`]);
    const conversation = messages(Object.fromEntries(texts), { conversation_id: name });
    added.push(present(await write(user, [conversation])));
  }
  await index(user, added);
  expect((await indexOf(user)).length).toBeGreaterThan(700);
  const pendingMb = (await takePendingList()) / 1024 ** 2;
  expect(pendingMb).toBeGreaterThanOrEqual(least);
  expect(pendingMb).toBeLessThanOrEqual(most);
});

test('where cores are few an import hears of searches, and only then', async () => {
  const user = await server.asUser();
  const few = watchSearches(server.services, 2);
  const many = watchSearches(server.services, 16);
  await Promise.all([few.listening, many.listening]);
  await expect.poll(few.needsRoom, { timeout: 20_000 }).toBe(false);
  await expect
    .poll(
      async () => {
        await foundBy(user, 'numbat');
        return few.needsRoom();
      },
      { timeout: 20_000 },
    )
    .toBe(true);
  await expect.poll(many.areSearching, { timeout: 20_000 }).toBe(true);
  expect(many.needsRoom()).toBe(false);
  few.close();
  many.close();
});

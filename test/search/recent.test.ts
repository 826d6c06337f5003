import pg from 'pg';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { z } from 'zod';
import { narrowSearch, type searchFilter } from '../../src/domain/search/filter.ts';
import { findMatches, rankAll } from '../../src/domain/search/match.ts';
import { tidyIndex } from '../../src/domain/search-index.ts';
import type { Database } from '../../src/domain/services.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const CONVERSATIONS = 500;
const MESSAGES = 40;
/** Of the conversation with this number, which grow younger with it. */
const hour = (conversation: number) => new Date(Date.UTC(2024, 0, 1, conversation));

let server: TestServer;
let userId: string;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres', worker: false });
  userId = (await server.asUser()).viewer.userId;
  const { database } = server.services;
  await database.query(
    `INSERT INTO conversations (user_id, id, provider, external_id, title, updated_at, message_count, search_pending)
     SELECT $1, gen_random_uuid(), 'chatgpt', c::text, '', $2::timestamptz + c * interval '1 hour', ${MESSAGES}, false
     FROM generate_series(0, ${CONVERSATIONS - 1}) AS c`,
    [userId, hour(0)],
  );
  // Some messages have no time, one of an old conversation is of the future, and only what is old says so.
  await database.query(
    `INSERT INTO message_search (user_id, conversation_id, node_id, terms, created_at, role)
     SELECT $1, id, m::text,
       ('common:' || m + 1 || CASE WHEN c < 380 AND c <> 3 THEN ' old:' || m + 2 ELSE '' END || CASE m WHEN 0 THEN ' rare:9' ELSE '' END)::tsvector,
       CASE WHEN m % 7 = 6 THEN NULL WHEN c = 3 AND m = 1 THEN '2100-01-01' ELSE updated_at + m * interval '1 second' END,
       CASE m % 4 WHEN 0 THEN 'assistant' ELSE 'user' END
     FROM (SELECT id, updated_at, external_id::int AS c FROM conversations WHERE user_id = $1) AS x,
       generate_series(0, ${MESSAGES - 1}) AS m`,
    [userId],
  );
  await database.query('ANALYZE conversations, message_search');
});
afterAll(() => server.close());

async function inTransaction<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query('BEGIN');
    return await work(client);
  } finally {
    await client.end();
  }
}

/** What is found, and how: what each statement that ranked was about. */
async function find(tsquery: string, filter: z.output<typeof searchFilter>) {
  const query = { tsquery, english: tsquery, foreign: null };
  const { services } = server;
  const ranked: ('if few' | 'recent' | 'all')[] = [];
  let ifFew: { text: string; values?: unknown[] } = { text: '' };
  const database: Database = {
    ...services.database,
    query(text, values, name) {
      if (text.includes('ts_rank')) {
        const isRecent = text.includes('uuid_hash');
        if (text.includes('FROM conversations WHERE user_id = $1 LIMIT')) {
          ranked.push('if few');
          ifFew = { text, values };
        } else ranked.push(isRecent ? 'recent' : 'all');
      }
      return services.database.query(text, values, name);
    },
  };
  const narrowed = narrowSearch(filter, 3);
  const found = await findMatches({ ...services, database }, userId, query, narrowed);
  return { found, ranked, ifFew, whole: await rankAll(services, userId, query, narrowed) };
}

test.each<[string, string, z.output<typeof searchFilter>]>([
  ['a common word', "'common'", {}],
  ['either of two words that stand together', "'common' | 'old' | 'absent'", {}],
  ['a common word, another excluded', "'common' & !'rare'", {}],
  ['a common word of a role', "'common'", { role: 'user' }],
  ['a common word of a provider', "'common'", { provider: 'chatgpt' }],
  ['a common word before some day', "'common'", { createdBefore: hour(450) }],
])('%s is looked for in recent messages, and the same is found', async (_, tsquery, filter) => {
  const { found, ranked, whole } = await find(tsquery, filter);
  expect(ranked).toEqual(['if few', 'recent']);
  expect(found.isCapped).toBe(true);
  expect(found.matches).toHaveLength(1_000);
  expect(found).toEqual(whole);
});

test.each<[string, z.output<typeof searchFilter>]>([
  ['', {}],
  [' of a role', { role: 'user' }],
])('of many conversations no message%s is looked at before it is known where to look', async (_, filter) => {
  const { ifFew } = await find("'common'", filter);
  const { rows } = await inTransaction(server.databaseUrl, async (client) => {
    // As PostgreSQL would for millions of rows.
    await client.query(`SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0;
      SET LOCAL min_parallel_table_scan_size = 0; SET LOCAL min_parallel_index_scan_size = 0`);
    return client.query<{ 'QUERY PLAN': string }>(`EXPLAIN (ANALYZE) ${ifFew.text}`, ifFew.values);
  });
  const plan = rows.map((row) => row['QUERY PLAN']);
  for (const what of ['Gather Merge', ' on message_search']) {
    const lines = plan.filter((line) => line.includes(what));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.filter((line) => !line.includes('never executed'))).toEqual([]);
  }
});

test('a message that is younger than its conversation is among the newest', async () => {
  const { found, ranked } = await find("'common'", {});
  const [old] = await server.services.database.query<{ id: string }>(
    `SELECT id FROM conversations WHERE user_id = $1 AND external_id = '3'`,
    [userId],
  );
  expect(ranked).toEqual(['if few', 'recent']);
  expect(found.matches.filter(({ conversationId }) => conversationId === old?.id)).toMatchObject([
    { nodeId: '1' },
  ]);
});

test('what is common but not of late is looked for everywhere', async () => {
  const { found, ranked, whole } = await find("'old'", {});
  expect(ranked).toEqual(['if few', 'recent', 'all']);
  expect(found.isCapped).toBe(true);
  expect(found).toEqual(whole);
});

test('what is not common is looked for everywhere at once', async () => {
  const { found, ranked } = await find("'rare'", {});
  expect(ranked).toEqual(['if few', 'all']);
  expect(found.matches).toHaveLength(CONVERSATIONS);
  expect(found.isCapped).toBe(false);
});

test('a plan that was kept while much of the index was not sorted in is forgotten once it is tidy', async () => {
  const { ifFew } = await find("'rare'", {});
  const { database } = server.services;
  const client = new pg.Client(server.databaseUrl);
  await client.connect();
  onTestFinished(() => client.end());
  const explain = async () => {
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN EXECUTE search('${userId}', '''rare''', '''rare''', NULL)`,
    );
    return rows.map((row) => row['QUERY PLAN']).join('\n');
  };
  const byWords = 'Bitmap Index Scan on message_search_terms';
  const addOfOthers = (rows: number, words: number) =>
    database.query(
      `INSERT INTO message_search (user_id, conversation_id, node_id, terms)
       SELECT md5((n % 25)::text)::uuid, gen_random_uuid(), '', array_to_tsvector(array(SELECT 'word' || n * m FROM generate_series(1, $2) AS m))
       FROM generate_series(1, $1) AS n`,
      [rows, words],
    );
  // Nobody but this test is to sort the list in.
  await database.query('ALTER TABLE message_search SET (autovacuum_enabled = off)');
  await addOfOthers(25, 1);
  await database.query(`SELECT gin_clean_pending_list('message_search_terms')`);
  await database.query('ANALYZE message_search');
  await addOfOthers(100, 1_000);
  await client.query('SET plan_cache_mode = force_generic_plan');
  await client.query(`PREPARE search AS ${ifFew.text}`);
  expect(await explain()).not.toContain(byWords);
  await tidyIndex(server.services);
  expect(await explain()).toContain(byWords);
});

test('of what is equally new the same is left out, however it is looked for', async () => {
  const { database } = server.services;
  await database.query(`UPDATE message_search SET created_at = date_trunc('day', created_at)`);
  await database.query('ANALYZE message_search');
  const { found, ranked, whole } = await find("'common'", {});
  expect(ranked).toEqual(['if few', 'recent']);
  expect(found).toEqual(whole);
});

test('what is hidden of late leaves room for what was said before', async () => {
  const { database } = server.services;
  await database.query(
    `INSERT INTO message_search (user_id, conversation_id, node_id, terms, created_at, kind)
     SELECT $1, id, 'hidden' || m, '''old'':1'::tsvector, updated_at, 'HIDDEN'
     FROM conversations, generate_series(1, ${MESSAGES}) AS m WHERE user_id = $1 AND external_id::int >= 380`,
    [userId],
  );
  await database.query('ANALYZE message_search');
  const { found, ranked, whole } = await find("'old'", {});
  expect(ranked).toEqual(['if few', 'recent', 'all']);
  expect(found).toEqual(whole);
  expect(found.matches).toHaveLength(1_000);
  expect(found.matches.filter(({ nodeId }) => nodeId.startsWith('hidden'))).toEqual([]);
});

test('of a few conversations all are looked at', async () => {
  const { database } = server.services;
  await database.query('DELETE FROM conversations WHERE user_id = $1 AND external_id::int >= 400', [userId]);
  const { found, ranked } = await find("'common'", {});
  expect(ranked).toEqual(['if few']);
  expect(found.matches).toHaveLength(1_000);
});

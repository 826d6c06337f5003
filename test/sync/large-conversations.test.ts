import { randomBytes } from 'node:crypto';
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chatGpt, dialogue, type Json, node, say } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { problemsOf, sync } from '../support/syncs.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

const importOf = async (user: TestUser, conversations: Json[]) =>
  sync(user.client, server.exports.serve(await exportOf(conversations)).url);

const conversationOf = (id: string, texts: string[]) =>
  chatGpt(
    texts.map((text, index) =>
      node(`${id}${index}`, index > 0 ? `${id}${index - 1}` : null, say('user', text)),
    ),
    { conversation_id: id, title: `Title of ${id}`, create_time: 1_700_000_000 },
  );

/** Whose rows are large, and whose bytes are not. */
const large = (id: string) =>
  conversationOf(
    id,
    Array.from({ length: 60 }, (_, index) => `${id} ${index} ${'some words here '.repeat(700)}`),
  );

/** Of which each part is large, also its compressed bytes, for which a thread makes room from a megabyte on. */
const incompressible = (id: string) =>
  conversationOf(
    id,
    Array.from({ length: 30 }, () => randomBytes(40_000).toString('base64').replaceAll(/\W/g, ' ')),
  );

/** All that is kept of each conversation, by its id in the export, but for what is new with each import. */
async function keptOf({ viewer }: TestUser): Promise<Record<string, unknown>> {
  const rows = await server.services.database.query<{ id: string; raw: Buffer; rows: string }>(
    `SELECT c.external_id AS id, c.search_pending, v.raw, v.size_bytes,
       (SELECT json_agg(to_jsonb(m) - '{user_id,conversation_id}'::text[] ORDER BY ordinal) FROM messages m
        WHERE m.user_id = c.user_id AND m.conversation_id = c.id) AS messages,
       (SELECT json_agg(to_jsonb(s) - '{user_id,conversation_id}'::text[] ORDER BY node_id, terms) FROM message_search s
        WHERE s.user_id = c.user_id AND s.conversation_id = c.id) AS terms
     FROM conversations c JOIN conversation_versions v ON v.user_id = c.user_id AND v.conversation_id = c.id
     WHERE c.user_id = $1`,
    [viewer.userId],
  );
  return Object.fromEntries(
    rows.map(({ id, raw, ...rest }) => [
      id,
      { ...rest, raw: JSON.parse(zstdDecompressSync(raw).toString()) },
    ]),
  );
}

test('imports that end with a large conversation, one after the other, are all complete at once', async () => {
  for (const id of ['first', 'second', 'third']) {
    const user = await server.asUser();
    const given = [dialogue('small'), large(id)];
    expect(await importOf(user, given)).toMatchObject({
      status: 'COMPLETED',
      attempt: 1,
      counts: { added: 2, messagesAdded: 62 },
    });
    expect(await keptOf(user)).toMatchObject({ [id]: { raw: given[1], search_pending: false } });
  }
});

test('a large conversation behind small ones is stored and indexed as it is alone', async () => {
  const given = [dialogue('one'), incompressible('middle'), dialogue('two'), large('last')];
  const [together, apart] = [await server.asUser(), await server.asUser()];
  await importOf(together, given);
  for (const each of given) await importOf(apart, [each]);
  const kept = await keptOf(together);
  expect(kept).toEqual(await keptOf(apart));
  for (const each of given)
    expect(kept[each.conversation_id as string]).toMatchObject({ raw: each, search_pending: false });
});

test('a large conversation that grows is merged out of what is stored of it, of which a statement fetches a part', async () => {
  const texts = Array.from({ length: 40 }, () =>
    randomBytes(120_000).toString('base64').replaceAll(/\W/g, ' '),
  );
  const [whole, grown] = [texts, [...texts, 'And one more.']].map((all) => conversationOf('grows', all));
  const user = await server.asUser();
  await importOf(user, [whole as Json]);
  const task = await importOf(user, [{ ...grown, update_time: 1_700_000_100 }]);
  expect(task).toMatchObject({ status: 'COMPLETED', counts: { updated: 1, messagesAdded: 1 } });
  const [row] = await server.services.database.query<{ texts: string[]; rawBytes: number }>(
    `SELECT (SELECT array_agg(text ORDER BY ordinal) FROM messages WHERE user_id = $1) AS texts,
       (SELECT min(octet_length(raw)) FROM conversation_versions WHERE user_id = $1) AS "rawBytes"`,
    [user.viewer.userId],
  );
  expect(row?.rawBytes).toBeGreaterThan(4 * 1024 * 1024);
  expect(row?.texts).toEqual([...texts, 'And one more.']);
});

test('what the database refuses takes nothing with it, and no bytes of large conversations', async () => {
  const { database } = server.services;
  await database.query(
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '22000'; END $$`,
    [],
  );
  // One before anything else is sent, one when all the rows were.
  for (const [table, condition] of [
    ['conversations', `NEW.external_id = 'early'`],
    ['message_assets', `NEW.node_id = 'late'`],
  ]) {
    await database.query(
      `CREATE TRIGGER refuse BEFORE INSERT ON ${table} FOR EACH ROW WHEN (${condition}) EXECUTE FUNCTION refuse()`,
      [],
    );
  }
  const attachments = [{ id: 'file-1', name: 'a.txt', size: 3 }];
  const late = chatGpt([node('late', null, say('user', 'See here', { metadata: { attachments } }))], {
    conversation_id: 'late',
  });
  // All in one batch.
  const good = [dialogue('one'), dialogue('two'), incompressible('huge'), large('last')];
  const [user, apart] = [await server.asUser(), await server.asUser()];
  const task = await importOf(user, good.toSpliced(3, 0, late).toSpliced(1, 0, dialogue('early')));
  expect(task).toMatchObject({ status: 'PARTIAL', attempt: 1, counts: { added: good.length, failed: 2 } });
  expect(await problemsOf(user.client, task.id)).toMatchObject([
    { externalId: 'early', outcome: 'FAILED', code: 'NOT_STORABLE' },
    { externalId: 'late', outcome: 'FAILED', code: 'NOT_STORABLE' },
  ]);
  for (const each of good) await importOf(apart, [each]);
  const kept = await keptOf(user);
  expect(kept).toEqual(await keptOf(apart));
  for (const each of good)
    expect(kept[each.conversation_id as string]).toMatchObject({ raw: each, search_pending: false });
});

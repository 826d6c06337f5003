import { afterAll, beforeAll, expect, test } from 'vitest';
import { TABLES_WITHOUT_KEY } from '../../src/domain/conversation/tables.ts';
import { localId } from '../../src/domain/global-id.ts';
import { indexSomePending } from '../../src/domain/search-index.ts';
import { dialogue } from '../archive/builders.ts';
import { dumpContent, listFiles } from '../support/account.ts';
import { grown, withFiles } from '../support/conversations.ts';
import { exportOf, zipOf } from '../support/exports.ts';
import { lockTable } from '../support/locks.ts';
import { emptyIndex } from '../support/search-index.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { changeTask, problemsOf, sync } from '../support/syncs.ts';
import { until } from '../support/until.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

const importAll = async (user: TestUser, conversations: object[], files: Record<string, Buffer> = {}) =>
  sync(
    user.client,
    server.exports.serve(await zipOf({ 'conversations.json': JSON.stringify(conversations), ...files })).url,
  );

interface Head {
  id: string;
  externalId: string;
  title: string;
  archived: boolean;
}

async function headsOf({ client }: TestUser, filter: object = {}): Promise<Record<string, Head>> {
  const { conversations } = await client.request<{ conversations: { edges: { node: Head }[] } }>(
    `query Q($filter: ConversationFilter) {
      conversations(first: 100, filter: $filter) { edges { node { id externalId title archived } } }
    }`,
    { filter },
  );
  return Object.fromEntries(conversations.edges.map(({ node }) => [node.externalId, node]));
}

async function change(
  { client }: TestUser,
  call: string,
  id: string | undefined,
): Promise<Head & { __typename: string; deletedId?: string; code?: string }> {
  const fields = call.startsWith('delete')
    ? '... on DeletedConversation { deletedId externalId }'
    : '... on Conversation { id externalId title archived }';
  const { answer } = await client.request<{ answer: Head & { __typename: string } }>(
    `mutation M($id: ID!) { answer: ${call} { __typename ${fields} ... on Error { message code } } }`,
    { id },
  );
  return answer;
}

async function titlesFound({ client }: TestUser, query: string): Promise<string[]> {
  const { search } = await client.request<{
    search: { edges: { node: { conversation: { title: string } } }[] };
  }>('query S($query: String!) { search(query: $query) { edges { node { conversation { title } } } } }', {
    query,
  });
  return search.edges.map(({ node }) => node.conversation.title);
}

const auditOf = async ({ viewer }: TestUser) =>
  (
    await server.services.prisma.auditEvent.findMany({
      where: { userId: viewer.userId },
      orderBy: { id: 'asc' },
    })
  )
    .map(({ action, subject }) => `${action} ${subject}`)
    .filter((entry) => entry.startsWith('conversation.'));

test('a title and an archiving of the user’s own survive later imports, undoing and reading anew', async () => {
  const user = await server.asUser();
  await importAll(user, [dialogue('mine'), dialogue('other')]);
  const { mine } = await headsOf(user);
  expect(await change(user, 'renameConversation(id: $id, title: "  My own title ")', mine?.id)).toMatchObject(
    {
      __typename: 'Conversation',
      title: 'My own title',
    },
  );
  expect(await change(user, 'archiveConversation(id: $id, archived: true)', mine?.id)).toMatchObject({
    archived: true,
  });

  const second = await importAll(user, [grown('mine'), grown('other')]);
  expect(second).toMatchObject({ status: 'COMPLETED', counts: { updated: 2 } });
  const kept = { title: 'My own title', archived: true };
  expect(await headsOf(user)).toMatchObject({
    mine: kept,
    other: { title: 'New title of other', archived: false },
  });
  await changeTask(user.client, 'undoSync', second.id);
  expect(await headsOf(user)).toMatchObject({ mine: kept, other: { title: 'Title of other' } });
  // Another title in the export is no change any more.
  const third = await importAll(user, [dialogue('mine', { title: 'Third title' })]);
  expect(third).toMatchObject({ counts: { updated: 0, unchanged: 1 } });
  expect(await headsOf(user)).toMatchObject({ mine: kept });
  expect(await auditOf(user)).toEqual([
    'conversation.renamed chatgpt mine',
    'conversation.archived chatgpt mine',
  ]);
});

test('a renamed conversation is found by its new title and no longer by the old one', async () => {
  const user = await server.asUser();
  await importAll(user, [dialogue('rename', { title: 'Quokka' })]);
  const { rename } = await headsOf(user);
  expect(await titlesFound(user, 'quokka')).toEqual(['Quokka']);
  await change(user, 'renameConversation(id: $id, title: "Wombat")', rename?.id);
  expect(await titlesFound(user, 'wombat')).toEqual(['Wombat']);
  expect(await titlesFound(user, 'quokka')).toEqual([]);
});

test('a new title is found at once however many other conversations wait for the index', async () => {
  const user = await server.asUser();
  const others = Array.from({ length: 200 }, (_, index) => dialogue(`waiting-${index}`, { title: 'Numbat' }));
  await importAll(user, [dialogue('last', { title: 'Quokka' })]);
  const { last } = await headsOf(user);
  await importAll(user, others);
  await emptyIndex(server, user);
  await change(user, 'renameConversation(id: $id, title: "Wombat")', last?.id);
  expect(await titlesFound(user, 'wombat')).toEqual(['Wombat']);
  expect(await titlesFound(user, 'numbat')).toEqual([]);
});

test('a new title that is just being indexed by somebody else is waited for', async () => {
  const user = await server.asUser();
  const { database } = server.services;
  await importAll(user, [dialogue('taken')]);
  const { taken } = await headsOf(user);
  const lock = await lockTable(server.databaseUrl, 'message_search');
  await database.query('UPDATE conversations SET search_pending = true WHERE user_id = $1', [
    user.viewer.userId,
  ]);
  const others = indexSomePending(server.services, user.viewer.userId);
  await until('it is being indexed', () => lock.isWaitedFor());
  const only = localId('Conversation', taken?.id ?? '');
  const own = indexSomePending(server.services, user.viewer.userId, { only });
  await until('that is waited for', async () => {
    const waiting = await database.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'transactionid'`,
    );
    return waiting.length > 0;
  });
  await lock.release();
  expect(await own).toBe(0);
  await others;
});

test('a title must be one', async () => {
  const user = await server.asUser();
  await importAll(user, [dialogue('named')]);
  const { named } = await headsOf(user);
  for (const title of ['', '   ', 'x'.repeat(501), 'a\\u0000']) {
    const answer = await change(user, `renameConversation(id: $id, title: "${title}")`, named?.id);
    expect(answer).toMatchObject({ __typename: 'InvalidInput' });
  }
  expect(await headsOf(user)).toMatchObject({ named: { title: 'Title of named' } });
  expect(await auditOf(user)).toEqual([]);
});

test('a conversation that was deleted is gone with all that belonged to it alone', async () => {
  const [user, without] = [await server.asUser(), await server.asUser()];
  const [own, shared] = [Buffer.from('only this one'), Buffer.from('both point to this')];
  const files = { 'file-Own.txt': own, 'file-Both.txt': shared };
  const both = { id: 'file-Both', name: 'both.txt', mimeType: 'text/plain' };
  const stays = [withFiles('stays', both), dialogue('plain')];
  await importAll(user, [withFiles('goes', { id: 'file-Own' }, { id: 'file-Both' }), ...stays], files);
  await importAll(without, stays, { 'file-Both.txt': shared });
  const { goes } = await headsOf(user);
  expect(await listFiles(server.services, user.viewer.userId)).toHaveLength(2);

  const answer = await change(user, 'deleteConversation(id: $id)', goes?.id);
  expect(answer).toMatchObject({
    __typename: 'DeletedConversation',
    deletedId: goes?.id,
    externalId: 'goes',
  });
  const { userId } = user.viewer;
  expect(await dumpContent(server.services, userId)).toEqual(
    await dumpContent(server.services, without.viewer.userId),
  );
  expect(await auditOf(user)).toEqual(['conversation.deleted chatgpt goes']);
  expect(await change(user, 'deleteConversation(id: $id)', goes?.id)).toMatchObject({ code: 'NOT_FOUND' });
});

test('a conversation that was deleted stays deleted, and each import says so', async () => {
  const user = await server.asUser();
  const all = [dialogue('d1'), dialogue('d2'), dialogue('d3')];
  const first = await importAll(user, all);
  const { d2 } = await headsOf(user);
  await change(user, 'deleteConversation(id: $id)', d2?.id);

  // The very archive that brought it, a later form of it, and the same again.
  for (const conversations of [all, [grown('d1'), grown('d2')], all]) {
    const task = await importAll(user, conversations);
    expect(task).toMatchObject({ status: 'COMPLETED', counts: { added: 0, skipped: 1, failed: 0 } });
    expect(await problemsOf(user.client, task.id)).toMatchObject([
      { outcome: 'SKIPPED', code: 'DELETED_BY_YOU', externalId: 'd2', reason: 'Skipped: deleted by you.' },
    ]);
  }
  await changeTask(user.client, 'undoSync', first.id);
  expect(Object.keys(await headsOf(user))).not.toContain('d2');
  const again = await importAll(user, all);
  expect(again).toMatchObject({ counts: { skipped: 1 } });
  expect(Object.keys(await headsOf(user)).toSorted()).toEqual(['d1', 'd3']);
});

test('what one user deletes is nobody else’s matter', async () => {
  const [user, other] = [await server.asUser(), await server.asUser()];
  const { url } = server.exports.serve(await exportOf([dialogue('same')]));
  await sync(user.client, url);
  await sync(other.client, url);
  const { same } = await headsOf(user);
  const calls = [
    'deleteConversation(id: $id)',
    'renameConversation(id: $id, title: "x")',
    'archiveConversation(id: $id, archived: true)',
  ];
  for (const call of calls) expect(await change(other, call, same?.id)).toMatchObject({ code: 'NOT_FOUND' });
  await change(user, 'deleteConversation(id: $id)', same?.id);
  expect(await headsOf(other)).toMatchObject({ same: { title: 'Title of same', archived: false } });
  expect(await sync(other.client, url)).toMatchObject({ counts: { skipped: 0 } });
});

test('every table of rows of a conversation is known to whoever deletes one', async () => {
  const rows = await server.services.database.query<{ name: string }>(
    `SELECT c.table_name AS name FROM information_schema.columns c JOIN information_schema.tables t
       USING (table_schema, table_name)
     WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.column_name = 'conversation_id'
       AND NOT EXISTS (SELECT FROM pg_constraint f WHERE f.conrelid = format('%I', c.table_name)::regclass
         AND f.contype = 'f' AND f.confrelid = 'conversations'::regclass AND f.confdeltype = 'c')`,
  );
  const known: string[] = [...TABLES_WITHOUT_KEY, 'sync_problems'];
  expect(rows.map(({ name }) => name).filter((name) => !known.includes(name))).toEqual([]);
});

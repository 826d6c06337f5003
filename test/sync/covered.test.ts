import { afterAll, beforeAll, expect, test } from 'vitest';
import { mergeStored } from '../../src/domain/import/versions.ts';
import { chatGpt, type Json, node, say } from '../archive/builders.ts';
import { dumpContent, dumpRows } from '../support/account.ts';
import { exportOf } from '../support/exports.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { changeTask, problemsOf, sync } from '../support/syncs.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

/** A conversation of so many turns, with a tool's traffic that slim forms leave out. */
function talk(turns: number, { slim = false, ...rest }: { slim?: boolean; title?: string } = {}): Json {
  const nodes = [node('root', null, null), node('t0', 'root', say('user', 'turn 0'))];
  if (!slim) nodes.push(node('tool', 't0', say('tool', 'found something')));
  for (let turn = 1; turn < turns; turn += 1) {
    const above = turn === 1 && !slim ? 'tool' : `t${turn - 1}`;
    nodes.push(node(`t${turn}`, above, say(turn % 2 ? 'assistant' : 'user', `turn ${turn}`)));
  }
  const times = { create_time: 1_700_000_000, update_time: 1_700_000_000 + turns };
  return chatGpt(nodes, { ...times, current_node: `t${turns - 1}`, ...rest });
}

const bring = async (user: TestUser, ...forms: Json[]) =>
  sync(user.client, server.exports.serve(await exportOf(forms)).url);

const forgeSizes = ({ viewer }: TestUser, megabytes: number) =>
  server.services.database.query(
    'UPDATE conversation_versions SET size_bytes = $2 * 1024 * 1024 WHERE user_id = $1',
    [viewer.userId, megabytes],
  );

const countCovered = async ({ viewer }: TestUser) => {
  const rows = await server.services.database.query<{ covered: boolean }>(
    'SELECT covered_by IS NOT NULL AS covered FROM conversation_versions WHERE user_id = $1',
    [viewer.userId],
  );
  return rows.filter(({ covered }) => covered).length;
};

test('a form that a later one covers is not read again', async () => {
  const user = await server.asUser();
  await bring(user, talk(2));
  await bring(user, talk(4));
  expect(await countCovered(user)).toBe(1);
  await server.services.database.query(
    `UPDATE conversation_versions SET raw = 'not compressed' WHERE user_id = $1 AND covered_by IS NOT NULL`,
    [user.viewer.userId],
  );
  expect(await bring(user, talk(6))).toMatchObject({
    status: 'COMPLETED',
    counts: { updated: 1, failed: 0, messagesAdded: 2 },
  });
  expect(await countCovered(user)).toBe(2);
});

test('a form that a later one covers does not count for what is too large to merge', async () => {
  const user = await server.asUser();
  await bring(user, talk(2));
  await bring(user, talk(4));
  await forgeSizes(user, 600);
  expect(await bring(user, talk(6))).toMatchObject({
    status: 'COMPLETED',
    counts: { updated: 1, failed: 0 },
  });
});

test('a covered form counts for what is too large to merge when another comes between it and the one that covers it', async () => {
  const user = await server.asUser();
  for (const turns of [2, 4, 6, 8]) await bring(user, talk(turns));
  expect(await countCovered(user)).toBe(3);
  await forgeSizes(user, 400);
  // The first makes those of 2 and of 8 turns be read; with the second that of 4 turns is a third one.
  const task = await bring(user, talk(3), talk(5));
  expect(task).toMatchObject({ status: 'PARTIAL', counts: { unchanged: 1, failed: 1 } });
  expect(await problemsOf(user.client, task.id)).toMatchObject([
    { outcome: 'FAILED', code: 'TOO_LARGE_TO_MERGE', reason: expect.stringContaining('1201 MB') },
  ]);
});

test('an older form that comes late is covered by what is there', async () => {
  const user = await server.asUser();
  for (const turns of [6, 2, 4]) await bring(user, talk(turns));
  expect(await countCovered(user)).toBe(2);
});

test('undoing any import leaves what the others brought, also what the undone one covered', async () => {
  const forms = [
    talk(2),
    talk(4, { title: 'Another title' }),
    talk(4, { slim: true }),
    talk(6, { slim: true }),
    talk(8),
  ];
  for (const order of [
    [4, 3, 2, 1],
    [1, 3, 4, 0],
    [0, 2, 4, 1],
  ]) {
    const user = await server.asUser();
    const tasks: string[] = [];
    for (const form of forms) tasks.push((await bring(user, form)).id);
    const left = new Map(forms.entries());
    for (const index of order) {
      await changeTask(user.client, 'undoSync', tasks[index] ?? '');
      left.delete(index);
      const fresh = await server.asUser();
      for (const form of left.values()) await bring(fresh, form);
      expect(await dumpContent(server.services, user.viewer.userId)).toEqual(
        await dumpContent(server.services, fresh.viewer.userId),
      );
    }
  }
});

test('undoing the import that covered a form leaves every row as it was', async () => {
  const user = await server.asUser();
  await bring(user, talk(2));
  await bring(user, talk(4));
  const before = await dumpRows(server.services, user.viewer.userId);
  for (const form of [talk(6), talk(3)]) {
    const { id } = await bring(user, form);
    expect(await dumpRows(server.services, user.viewer.userId)).not.toEqual(before);
    await changeTask(user.client, 'undoSync', id);
    expect(await dumpRows(server.services, user.viewer.userId)).toEqual(before);
  }
});

test('a merge stops at once when a form is gone that it was to read', async () => {
  const user = await server.asUser();
  for (const turns of [2, 4, 6]) await bring(user, talk(turns));
  const { database } = server.services;
  const key = [user.viewer.userId];
  // Each is fetched with a statement of its own.
  await database.query(
    `UPDATE conversation_versions SET raw = repeat('x', 9 * 1024 * 1024)::bytea WHERE user_id = $1`,
    key,
  );
  const [row] = await database.query<{ id: string }>('SELECT id FROM conversations WHERE user_id = $1', key);
  let statements = 0;
  const merging = database.transaction(async (tx) => {
    const watched = {
      ...tx,
      async query<Row extends object>(text: string, values?: unknown[]) {
        const rows = await tx.query<Row>(text, values);
        statements += 1;
        if (statements === 1) await tx.execute('DELETE FROM conversation_versions WHERE user_id = $1', key);
        return rows;
      },
    };
    await mergeStored(server.services, watched, user.viewer.userId, [row?.id ?? ''], {
      readAll: true,
    }).next();
  });
  await expect(merging).rejects.toThrow('gone');
  expect(statements).toBe(2);
});

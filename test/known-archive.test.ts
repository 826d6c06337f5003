import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { conversationAt, toSlim } from '../bench/generator/index.ts';
import { chatGpt, dialogue, type Json, node, say } from './archive/builders.ts';
import { dumpContent } from './support/account.ts';
import { grown, withFiles } from './support/conversations.ts';
import { exportOf, zipOf } from './support/exports.ts';
import { startTestServer, type TestServer, type TestUser } from './support/server.ts';
import { changeTask, problemsOf, sync, untilOver } from './support/syncs.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

async function upload({ client }: TestUser, zip: Buffer) {
  const { json } = await client.rest('POST', '/sync/upload', zip);
  return untilOver(client, (json as { task_id: string }).task_id);
}

const account = ({ viewer }: TestUser) => dumpContent(server.services, viewer.userId);

/** What a fresh user has after these exports, one after the other. */
async function accountAfter(...zips: Buffer[]) {
  const user = await server.asUser();
  const tasks = [];
  for (const zip of zips) tasks.push(await upload(user, zip));
  return { tasks, content: await account(user) };
}

describe('An archive that was imported whole', () => {
  test('costs one request while its server says that it has not changed', async () => {
    const { client } = await server.asUser();
    const file = server.exports.serve(await exportOf([dialogue('a'), dialogue('b')]), { etag: '"v1"' });
    expect(await sync(client, file.url)).toMatchObject({ status: 'COMPLETED', counts: { added: 2 } });
    const again = await sync(client, file.url);
    expect(again).toMatchObject({
      status: 'COMPLETED',
      phase: 'DONE',
      counts: { added: 0, updated: 0, unchanged: 2, failed: 0 },
      progress: { fraction: 1, bytesDone: 0, conversationsDone: 2, conversationsTotal: 2 },
    });
    expect(file.answers).toEqual([200, 304]);
  });

  test('is not read again when the same bytes come from elsewhere', async () => {
    const user = await server.asUser();
    const zip = await exportOf([dialogue('a'), dialogue('b')]);
    await sync(user.client, server.exports.serve(zip).url);
    for (const again of [await sync(user.client, server.exports.serve(zip).url), await upload(user, zip)]) {
      expect(again).toMatchObject({ status: 'COMPLETED', counts: { added: 0, unchanged: 2 } });
      const { json } = await user.client.rest('GET', '/sync/history?limit=1');
      expect(json).toMatchObject({ history: [{ files_processed: 0 }] });
    }
  });

  test('is read again once something was taken back, and by another user', async () => {
    const user = await server.asUser();
    const zip = await exportOf([dialogue('a'), dialogue('b')]);
    const file = server.exports.serve(zip, { etag: '"v1"' });
    const { id } = await sync(user.client, file.url);
    await changeTask(user.client, 'undoSync', id);
    expect(await sync(user.client, file.url)).toMatchObject({ status: 'COMPLETED', counts: { added: 2 } });
    expect(file.answers).toEqual([200, 200]);
    const other = await server.asUser();
    expect(await upload(other, zip)).toMatchObject({ status: 'COMPLETED', counts: { added: 2 } });
  });

  test('is read again when something in it is skipped, and says so again', async () => {
    const user = await server.asUser();
    const zip = await exportOf([dialogue('a'), { id: 'shell', title: 'Nothing', mapping: {} }]);
    for (const counts of [
      { added: 1, skipped: 1 },
      { unchanged: 1, skipped: 1 },
    ]) {
      const task = await upload(user, zip);
      expect(task).toMatchObject({ status: 'COMPLETED', counts });
      expect(await problemsOf(user.client, task.id)).toMatchObject([{ outcome: 'SKIPPED', code: 'EMPTY' }]);
    }
  });

  test('is read again when not all of it came in', async () => {
    const user = await server.asUser();
    const zip = await zipOf({
      'conversations.json': `[${JSON.stringify(dialogue('a'))},{"mapping":{oops}}]`,
    });
    expect(await upload(user, zip)).toMatchObject({ status: 'PARTIAL', counts: { added: 1, failed: 1 } });
    expect(await upload(user, zip)).toMatchObject({ status: 'PARTIAL', counts: { unchanged: 1, failed: 1 } });
  });
});

test('the same ids in the exports of two users are two independent accounts', async () => {
  const [one, two] = [await server.asUser(), await server.asUser()];
  await upload(one, await exportOf([dialogue('shared'), withFiles('files', { id: 'file-X' })]));
  const before = await account(one);
  await upload(two, await exportOf([grown('shared'), withFiles('files', { id: 'file-X', name: 'x.png' })]));
  expect(await account(one)).toEqual(before);
  const fresh = await accountAfter(
    await exportOf([grown('shared'), withFiles('files', { id: 'file-X', name: 'x.png' })]),
  );
  expect(await account(two)).toEqual(fresh.content);
});

test('a slim export makes nothing poorer, whichever comes first', async () => {
  const full = Array.from({ length: 12 }, (_, index) => conversationAt(9, index));
  const [rich, slim] = [await exportOf(full), await exportOf(full.map(toSlim))];
  const richOnly = await accountAfter(rich);
  const richFirst = await accountAfter(rich, slim);
  const slimFirst = await accountAfter(slim, rich);
  expect(richFirst.tasks[1]).toMatchObject({ status: 'COMPLETED', counts: { updated: 0, unchanged: 12 } });
  const { versions: _a, ...merged } = richFirst.content;
  const { versions: _b, ...before } = richOnly.content;
  expect(merged).toEqual(before);
  expect(slimFirst.content).toEqual(richFirst.content);
});

/** One state of a small account: what each conversation holds by then. */
const conversation = fc.record({
  id: fc.constantFrom('p', 'q', 'r'),
  turns: fc.integer({ min: 1, max: 4 }),
  branch: fc.boolean(),
  title: fc.constantFrom('Old', 'New'),
  file: fc.boolean(),
  slim: fc.boolean(),
  updated: fc.integer({ min: 1, max: 3 }),
});

type State = typeof conversation extends fc.Arbitrary<infer T> ? T : never;

function build(state: State): Json {
  const nodes: [string, Json][] = [node('root', null, null)];
  for (let turn = 0; turn < state.turns; turn++) {
    const metadata =
      state.file && turn === 0
        ? { attachments: [{ id: 'file-Shared', ...(state.slim ? {} : { name: 'shared.txt' }) }] }
        : {};
    nodes.push(
      node(
        `n${turn}`,
        turn === 0 ? 'root' : `n${turn - 1}`,
        say('user', `turn ${turn} of ${state.id}`, { metadata }),
      ),
    );
  }
  if (state.branch)
    nodes.push(node('other', 'n0', say('assistant', 'another way', { create_time: 1_700_000_050 })));
  return chatGpt(nodes, {
    conversation_id: state.id,
    title: `${state.title} ${state.id}`,
    create_time: 1_700_000_000,
    update_time: 1_700_000_000 + state.updated,
    current_node: `n${state.turns - 1}`,
  });
}

const exportArbitrary = fc
  .uniqueArray(conversation, { selector: (state) => state.id, minLength: 1, maxLength: 3 })
  .chain((states) => fc.record({ states: fc.constant(states), holdsFile: fc.boolean() }));

async function zipState({ states, holdsFile }: { states: State[]; holdsFile: boolean }) {
  return zipOf({
    'conversations.json': JSON.stringify(states.map(build)),
    // A file to which nothing points is not taken.
    ...(holdsFile && states.some((state) => state.file)
      ? { 'file-Shared-shared.txt': 'the same for all' }
      : {}),
  });
}

test('two exports of one account give the same account in any order, and twice is once', {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(exportArbitrary, exportArbitrary, async (first, second) => {
      const [a, b] = [await zipState(first), await zipState(second)];
      const forth = await accountAfter(a, b);
      const back = await accountAfter(b, a);
      expect(back.content).toEqual(forth.content);
      const twice = await accountAfter(a, b, a, b);
      expect(twice.content).toEqual(forth.content);
      for (const { counts } of twice.tasks.slice(2)) expect(counts).toMatchObject({ added: 0, updated: 0 });
    }),
    { numRuns: 8, seed: 20_261_122 },
  );
});

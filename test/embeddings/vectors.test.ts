import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sweepEmbeddings } from '../../src/domain/embedding/start.ts';
import { searchPage } from '../../src/domain/search.ts';
import { dialogue } from '../archive/builders.ts';
import { messages } from '../search/search.ts';
import type { TestUser } from '../support/server.ts';
import { changeTask, sync } from '../support/syncs.ts';
import { until } from '../support/until.ts';
import { search, tasksOf, untilReckoned, vectorsOf } from './search.ts';
import { type Stage, startStage } from './stage.ts';

const texts = {
  socket: 'My websockets keep reconnecting behind the proxy',
  bread: 'Bread needs flour, water and patience',
  baker: 'The bakery sells breads of rye flour',
  garden: 'Tomatoes want sun',
  long: `${'filler '.repeat(2_000)}`,
};

let stage: Stage;
let user: TestUser;
let exportUrl: string;
let taskId: string;
beforeAll(async () => {
  stage = await startStage();
  ({ user, exportUrl, taskId } = await stage.userWith([messages(texts), dialogue('other')]));
  stage.model.maxCharacters = 3_000;
  await sync(user.client, exportUrl);
  await untilReckoned(user);
}, 180_000);
afterAll(() => stage.close());
describe('After an import', () => {
  test('every message has a vector, and long ones that of their beginning', async () => {
    const nodes = (await vectorsOf(stage, user)).map(({ nodeId }) => nodeId);
    expect(nodes).toEqual(expect.arrayContaining(Object.keys(texts)));
    expect(await tasksOf(user)).toMatchObject([
      { status: 'COMPLETED', progress: { done: nodes.length, total: nodes.length } },
    ]);
    expect(Math.max(...stage.model.reckoned.map((text) => text.length))).toBeLessThanOrEqual(3_000);
  });

  test('nothing is reckoned twice', async () => {
    const before = stage.model.reckoned.length;
    await sync(user.client, exportUrl);
    await untilReckoned(user, 2);
    // The one sentence by which a task sees that the model is there.
    expect(stage.model.reckoned.slice(before)).toEqual(['How many numbers is a meaning?']);
  });

  test('what the model was not there for is reckoned by the next task', async () => {
    const { user: late, exportUrl: url } = await stage.userWith([
      messages({ fine: 'All is well', odd: 'The quagga is extinct' }),
    ]);
    stage.model.fault = { text: 'quagga', status: 401 };
    await sync(late.client, url);
    const failed = await untilReckoned(late);
    expect(failed).toMatchObject({ status: 'FAILED', error: { code: 'SEMANTIC_SEARCH_UNAVAILABLE' } });
    expect(failed.error?.message).toContain('EMBEDDINGS_API_KEY');
    stage.model.fault = null;
    await sync(late.client, url);
    expect(await untilReckoned(late, 2)).toMatchObject({ status: 'COMPLETED' });
    expect(await vectorsOf(stage, late)).toHaveLength(2);
  });
});

test('A task that was broken off goes on where it was', async () => {
  const many = Object.fromEntries(
    Array.from({ length: 300 }, (_, index) => [`n${1_000 + index}`, `Numbat ${index}.`]),
  );
  const { user: mine, exportUrl: url } = await stage.userWith([messages(many)]);
  stage.model.fault = { text: 'Numbat 299.', status: 500 };
  await sync(mine.client, url);
  await until('the last page was tried again', async () => {
    const [task] = await tasksOf(mine);
    return task?.progress.done === 256 && (await vectorsOf(stage, mine)).length === 256;
  });
  stage.model.fault = null;
  expect(await untilReckoned(mine)).toMatchObject({ status: 'COMPLETED' });
  const numbats = stage.model.reckoned.filter((text) => text.startsWith('Numbat'));
  expect(numbats.toSorted()).toEqual(Object.values(many).toSorted());
});

test('A vector stays while the text does, and goes when that changes', async () => {
  const { user: mine, exportUrl: url } = await stage.userWith([messages({ one: 'Left', two: 'Right' })]);
  await sync(mine.client, url);
  await untilReckoned(mine);
  // As an import does with a message that it changes.
  const rewrite = (text: string) =>
    stage.server.services.database.transaction(async (tx) => {
      const rows = await tx.query(
        `DELETE FROM messages WHERE user_id = $1 AND node_id = 'one' RETURNING to_jsonb(messages) || $2 AS row`,
        [mine.viewer.userId, { text, ordinal: 7 }],
      );
      await tx.query('INSERT INTO messages SELECT * FROM jsonb_populate_record(NULL::messages, $1)', [
        rows[0]?.row,
      ]);
    });
  await rewrite('Left');
  expect(await vectorsOf(stage, mine)).toHaveLength(2);
  await rewrite('Upwards');
  expect(await vectorsOf(stage, mine)).toMatchObject([{ nodeId: 'two' }]);
  const before = stage.model.reckoned.length;
  await sync(mine.client, url);
  await untilReckoned(mine, 2);
  expect(stage.model.reckoned.slice(before + 1)).toEqual(['Upwards']);
});

describe('A vector goes with its message', () => {
  test('when its conversation is deleted', async () => {
    const { user: mine, exportUrl: url } = await stage.userWith([
      messages({ one: 'Left', two: 'Right' }),
      dialogue('stays'),
    ]);
    await sync(mine.client, url);
    await untilReckoned(mine);
    const before = await vectorsOf(stage, mine);
    const { edges } = await search(mine, 'left', { mode: 'KEYWORD' });
    await mine.client.request(`mutation D($id: ID!) { deleteConversation(id: $id) { __typename } }`, {
      id: edges[0]?.node.conversation.id,
    });
    const after = await vectorsOf(stage, mine);
    expect(after).toEqual(before.filter(({ nodeId }) => nodeId !== 'one' && nodeId !== 'two'));
    expect(after.length).toBeGreaterThan(0);
  });

  test('when its account is deleted', async () => {
    const { user: mine, exportUrl: url } = await stage.userWith([messages({ one: 'Left' })]);
    await sync(mine.client, url);
    await untilReckoned(mine);
    await mine.client.request(`mutation { deleteAccount(confirm: "delete my account") { __typename } }`);
    expect(await vectorsOf(stage, mine)).toEqual([]);
  });

  test('when its sync is undone', async () => {
    expect(await vectorsOf(stage, user)).not.toEqual([]);
    expect(await changeTask(user.client, 'undoSync', taskId)).toMatchObject({ status: 'UNDONE' });
    expect(await vectorsOf(stage, user)).toEqual([]);
  });
});

test('Vectors of another length are reckoned anew, without being told', async () => {
  const { user: mine, exportUrl: url } = await stage.userWith([messages({ one: 'Left', two: 'Right' })]);
  await sync(mine.client, url);
  await untilReckoned(mine);
  stage.model.dimensions = 128;
  await sweepEmbeddings(stage.server.services);
  await until('all vectors are of the new length', async () => {
    const vectors = await vectorsOf(stage, mine);
    return vectors.length === 2 && vectors.every(({ dimensions }) => dimensions === 128);
  });
});

test('Another model reckons everything anew, without being told', async () => {
  const { user: mine, exportUrl: url } = await stage.userWith([messages({ one: 'Left', two: 'Right' })]);
  await sync(mine.client, url);
  await untilReckoned(mine);
  // Who waits is looked for among a hundred users at a time.
  await stage.server.services.database.query(
    `INSERT INTO users (id) SELECT lpad(n::text, 32, '0')::uuid FROM generate_series(1, 250) AS n`,
  );
  const { services } = await stage.restart({ EMBEDDINGS_MODEL: 'other' });
  await until('all vectors are of the new model', async () => {
    const vectors = await vectorsOf(stage, mine);
    return vectors.length === 2 && vectors.every(({ model }) => model === 'other');
  });
  const found = await searchPage(services, mine.viewer, { query: 'left', mode: 'SEMANTIC', limit: 5 });
  expect(found.hits.map(({ message }) => message.nodeId)).toEqual(['one', 'two']);
});

import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../src/infra/database.ts';
import { createTestDatabase, type TestDatabase } from './support/postgres.ts';

let testDatabase: TestDatabase;
let opened: ReturnType<typeof openDatabase>;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  opened = openDatabase({ url: testDatabase.url, maxConnections: 2, applicationName: 'database-test' });
  await opened.database.query('CREATE TABLE numbers (id int PRIMARY KEY, label text NOT NULL)');
});

afterAll(async () => {
  await opened?.close();
  await testDatabase?.drop();
});

test('Prisma and plain SQL see the same rows', async () => {
  const id = '00000000-0000-7000-8000-0000000000aa';
  await opened.prisma.user.create({ data: { id, displayName: 'Ada' } });
  const rows = await opened.database.query('SELECT display_name FROM users WHERE id = $1', [id]);
  expect(rows).toEqual([{ display_name: 'Ada' }]);
});

test('A binary COPY of many chunks arrives whole', async () => {
  const { database } = opened;
  const copied = await database.transaction((tx) => tx.copy(copyStatement, binaryRows(50_000)));
  expect(copied).toBe(50_000);
  const [sum] = await database.query('SELECT count(*)::int AS rows, sum(id)::int AS ids FROM numbers');
  expect(sum).toEqual({ rows: 50_000, ids: (50_000 * 49_999) / 2 });
  await database.query('DELETE FROM numbers');
});

test('A transaction that throws leaves nothing, and its connection serves the next', async () => {
  const { database } = opened;
  const failures = [
    () =>
      database.transaction(async (tx) => {
        await tx.execute(`INSERT INTO numbers VALUES (1, 'one')`);
        throw new Error('changed my mind');
      }),
    () => database.transaction((tx) => tx.copy(copyStatement, failingRows())),
    () =>
      database.transaction((tx) => tx.copy('COPY no_such_table FROM STDIN (FORMAT binary)', binaryRows(9))),
    () => database.transaction((tx) => tx.copy(copyStatement, [...binaryRows(9), Buffer.from('rubbish')])),
  ];
  const messages: string[] = [];
  for (const fail of [...failures, ...failures]) {
    await fail().catch((error: Error) => messages.push(error.message));
  }
  expect(messages.slice(0, 4)).toEqual([
    'changed my mind',
    'the source broke',
    'relation "no_such_table" does not exist',
    expect.stringMatching(/COPY/i),
  ]);
  expect(messages.slice(4)).toEqual(messages.slice(0, 4));
  expect(await database.query('SELECT * FROM numbers')).toEqual([]);
});

test('A failed statement that the caller hides does not pass for a commit', async () => {
  const hidden = opened.database.transaction(async (tx) => {
    await tx.execute(`INSERT INTO numbers VALUES (2, 'two')`);
    await tx.query('SELECT 1 / 0').catch(() => undefined);
  });
  await expect(hidden).rejects.toThrow('rolled back');
});

test('Connections that the server ends, idle or in use, are replaced', async () => {
  const { database, prisma } = opened;
  await prisma.user.count();
  const inUse = database.transaction(async (tx) => {
    await endConnections();
    await tx.query('SELECT 1');
  });
  await expect(inUse).rejects.toThrow();
  await expect
    .poll(() =>
      database.ping().then(
        () => 'answers',
        () => 'fails',
      ),
    )
    .toBe('answers');
  await expect.poll(() => prisma.user.count().catch(() => null)).not.toBeNull();
});

test('A caller that finds no free connection is refused in bounded time', async () => {
  const { database } = opened;
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const holders = [1, 2].map(() => database.transaction(() => released));
  await expect(database.query('SELECT 1')).rejects.toThrow('timeout exceeded when trying to connect');
  release();
  await Promise.all(holders);
  await database.ping();
});

test('A ping to a database that is not there fails', async () => {
  const nowhere = openDatabase({ url: 'postgresql://nobody@127.0.0.1:1/nothing' });
  await expect(nowhere.database.ping()).rejects.toThrow('ECONNREFUSED');
  await nowhere.close();
});

const copyStatement = 'COPY numbers (id, label) FROM STDIN (FORMAT binary)';

/** https://www.postgresql.org/docs/18/sql-copy.html, "Binary Format". */
function* binaryRows(count: number): Generator<Uint8Array> {
  yield Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
  for (let id = 0; id < count; id += 1) {
    const label = Buffer.from(`number ${id}`);
    const row = Buffer.alloc(2 + 8 + 4 + label.length);
    row.writeInt16BE(2, 0);
    row.writeInt32BE(4, 2);
    row.writeInt32BE(id, 6);
    row.writeInt32BE(label.length, 10);
    label.copy(row, 14);
    yield row;
  }
  yield Buffer.from([0xff, 0xff]);
}

function* failingRows(): Generator<Uint8Array> {
  for (const chunk of binaryRows(10_000)) {
    if (chunk.length === 2) throw new Error('the source broke');
    yield chunk;
  }
}

async function endConnections(): Promise<void> {
  const client = new pg.Client({ connectionString: testDatabase.url });
  await client.connect();
  await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'database-test'`,
  );
  await client.end();
}

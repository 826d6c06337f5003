import { cp, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { restoreBackup } from '../../src/infra/backup/restore.ts';
import { openLocalFiles } from '../../src/infra/files/local-files.ts';
import { migrate, migrationsDirectory } from '../../src/infra/migrate.ts';
import { allRows, backUp, countRows, sha256Of } from '../support/backups.ts';
import {
  createEmptyDatabase,
  createTestDatabase,
  query,
  quietLogger,
  type TestDatabase,
} from '../support/postgres.ts';

const userId = '01a205b3-bbea-7460-b342-0fecbd05b15d';
const content = Buffer.from('the bytes of an attachment');

let folder: string;
let source: TestDatabase;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sidecar-backup-'));
  source = await createTestDatabase();
  path = join(folder, 'good.tar');
  await query(
    source.url,
    `INSERT INTO users (id) VALUES ('${userId}');
     INSERT INTO assets (user_id, id, provider, external_id, conversation_external_id, sha256)
       VALUES ('${userId}', '${userId}', 'chatgpt', 'file-1', 'c', '\\x${sha256Of(content)}')`,
  );
  const files = await openLocalFiles(join(folder, 'source'));
  await files.put(userId, oneChunk());
  await backUp({ databaseUrl: source.url, files, path });
});
afterAll(async () => {
  await source?.drop();
  await rm(folder, { recursive: true, force: true });
});

async function* oneChunk() {
  yield content;
}

async function emptyDatabase(): Promise<string> {
  const database = await createEmptyDatabase();
  onTestFinished(database.drop);
  return database.url;
}

const restore = async (file: string, databaseUrl: string, migrations?: string) =>
  restoreBackup({
    path: file,
    databaseUrl,
    files: await openLocalFiles(await mkdtemp(join(folder, 'files-'))),
    logger: quietLogger,
    onProgress: () => undefined,
    migrations,
  });

test('a backup that is cut short or damaged anywhere is refused before anything is written', async () => {
  const bytes = await readFile(path);
  const databaseUrl = await emptyDatabase();
  const bad = join(folder, 'bad.tar');
  // Within each piece of a table, in the file, in names, and in the summary.
  const marks = ['.copy.zst', sha256Of(content), content.toString(), '"rows"'].map((mark) =>
    bytes.lastIndexOf(mark),
  );
  for (const at of [0, 700, ...marks, bytes.indexOf(Buffer.from('28b52ffd', 'hex')) + 8]) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    await writeFile(bad, changed);
    await expect(restore(bad, databaseUrl), `byte ${at}`).rejects.toThrow(
      /damaged|is no backup|another version/,
    );
  }
  for (const length of [
    0,
    100,
    512,
    2_000,
    Math.floor(bytes.length / 2),
    bytes.lastIndexOf('summary.json'),
  ]) {
    await writeFile(bad, bytes.subarray(0, length));
    await expect(restore(bad, databaseUrl), `${length} bytes`).rejects.toThrow(/cut short|is no backup/);
  }
  for (const other of [gzipSync(bytes), Buffer.from('<html>'), Buffer.alloc(10_240)]) {
    await writeFile(bad, other);
    await expect(restore(bad, databaseUrl)).rejects.toThrow(/is no backup/);
  }
  await expect(restore(join(folder, 'none.tar'), databaseUrl)).rejects.toThrow('ENOENT');
  const tables = await query(
    databaseUrl,
    `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace`,
  );
  expect(tables).toEqual([]);
});

test('a backup is refused by a database that holds something, of Sidecar or of others', async () => {
  const used = await createTestDatabase();
  onTestFinished(used.drop);
  await query(used.url, `INSERT INTO users (id) VALUES (gen_random_uuid())`);
  await expect(restore(path, used.url)).rejects.toThrow('is not empty');
  expect(await countRows(used.url)).toBe(1);
  const foreign = await emptyDatabase();
  await query(foreign, 'CREATE TABLE others AS SELECT 1 AS one');
  await expect(restore(path, foreign)).rejects.toThrow('tables of something else');
});

test('tables that others made beside those of Sidecar keep no backup from being restored', async () => {
  const shared = await createTestDatabase();
  onTestFinished(shared.drop);
  await query(
    shared.url,
    `INSERT INTO users (id) VALUES ('${userId}');
     CREATE TABLE notes AS SELECT 'mine' AS note;
     CREATE TABLE "Their notes" ("A note" text PRIMARY KEY);
     CREATE TABLE references_theirs (note text REFERENCES "Their notes");
     CREATE TABLE of_extension (id int); ALTER EXTENSION pg_trgm ADD TABLE of_extension`,
  );
  const file = join(folder, 'shared.tar');
  await backUp({ databaseUrl: shared.url, files: await openLocalFiles(folder), path: file });
  const place = await emptyDatabase();
  const { leftOut, tables } = await restore(file, place);
  expect(leftOut.toSorted()).toEqual(['notes', 'references_theirs']);
  expect(tables.users?.rows).toBe(1);
  expect(Object.keys(tables).toSorted()).toEqual(Object.keys(await allRows(place)));
  expect(await countRows(place)).toBe(1);
});

test('a backup of an older version is brought up to date, one of a newer version is refused', async () => {
  const [older, newer] = [join(folder, 'older'), join(folder, 'newer')];
  for (const directory of [older, newer]) {
    await cp(migrationsDirectory, directory, { recursive: true });
    await addMigration(
      directory,
      '99990101000000_gadgets',
      'CREATE TABLE gadgets (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name text)',
    );
  }
  await addMigration(
    newer,
    '99990102000000_colors',
    `ALTER TABLE gadgets ADD COLUMN color text DEFAULT 'red'`,
  );
  const made = await emptyDatabase();
  await migrate(made, quietLogger, { directory: older });
  await query(
    made,
    `INSERT INTO gadgets (name) VALUES ('one'), ('two'), ('three'); DELETE FROM gadgets WHERE name = 'two'`,
  );
  const file = join(folder, 'older.tar');
  await backUp({ databaseUrl: made, files: await openLocalFiles(folder), path: file });

  const place = await emptyDatabase();
  await restore(file, place, newer);
  expect(await query(place, 'SELECT id::int, name, color FROM gadgets ORDER BY id')).toEqual([
    { id: 1, name: 'one', color: 'red' },
    { id: 3, name: 'three', color: 'red' },
  ]);
  expect(await query(place, `INSERT INTO gadgets (name) VALUES ('four') RETURNING id::int`)).toEqual([
    { id: 4 },
  ]);

  const untouched = await emptyDatabase();
  await expect(restore(file, untouched)).rejects.toThrow(/newer version of Sidecar .*99990101000000_gadgets/);
  await expect(allRows(untouched)).resolves.toEqual({});
  await migrate(untouched, quietLogger, { directory: newer });
  await expect(restore(file, untouched, newer)).rejects.toThrow('migrated further');

  await addMigration(older, '99990101000000_gadgets', 'CREATE TABLE gadgets (id int)');
  await expect(restore(file, await emptyDatabase(), older)).rejects.toThrow('another version of Sidecar');
});

async function addMigration(directory: string, name: string, sql: string): Promise<void> {
  await mkdir(join(directory, name), { recursive: true });
  await writeFile(join(directory, name, 'migration.sql'), `BEGIN;\n${sql};\nCOMMIT;\n`);
}

test('nobody sees a row before all are in', async () => {
  const databaseUrl = await emptyDatabase();
  await migrate(databaseUrl, quietLogger);
  const restoring = restore(path, databaseUrl);
  const seen = new Set<unknown>();
  let over = false;
  const done = restoring.finally(() => {
    over = true;
  });
  const look = async () => {
    // In one statement: a second one could see what was committed behind the first.
    const [row] = await query(
      databaseUrl,
      'SELECT (SELECT count(*) FROM users)::int AS users, (SELECT count(*) FROM assets)::int AS assets',
    );
    seen.add(JSON.stringify(row));
  };
  while (!over) await look();
  await done;
  await look();
  expect([...seen]).toEqual(['{"users":0,"assets":0}', '{"users":1,"assets":1}']);
});

test('two backups into one file at a time are refused, and what a killed one left is named', async () => {
  const busy = join(folder, 'busy.tar');
  const handle = await open(`${busy}.part`, 'wx');
  onTestFinished(() => handle.close());
  const files = await openLocalFiles(folder);
  await expect(backUp({ databaseUrl: source.url, files, path: busy })).rejects.toThrow('busy.tar.part');
});

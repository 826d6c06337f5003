import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { NotFoundError } from '../../src/domain/errors.ts';
import { restoreBackup } from '../../src/infra/backup/restore.ts';
import { openSnapshot } from '../../src/infra/backup/snapshot.ts';
import { openLocalFiles } from '../../src/infra/files/local-files.ts';
import { openFiles } from '../../src/services.ts';
import { dialogue } from '../archive/builders.ts';
import { dataDirOf } from '../support/account.ts';
import { askBackground, followBackground } from '../support/background.ts';
import { allRows, backUp, countRows, namedFiles, sha256Of, storedFiles } from '../support/backups.ts';
import { startBucket } from '../support/bucket.ts';
import { withFiles } from '../support/conversations.ts';
import { zipOf } from '../support/exports.ts';
import { createEmptyDatabase, query, quietLogger } from '../support/postgres.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { sync } from '../support/syncs.ts';

const small = Buffer.from('a small picture');
/** Goes by a file of its own into a backup. */
const large = randomBytes(3_000_000);

let server: TestServer;
let folder: string;
let second: TestUser;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
  folder = await mkdtemp(join(tmpdir(), 'sidecar-backup-'));
  second = await server.asUser();
  await importFiles(server, { 'file-Small.png': small, 'file-Large.bin': large });
  await importFiles(second, { 'file-Small.png': small });
  const made = await askBackground(server.client, 'exportMyData');
  expect((await followBackground(server.client, made.id)).at(-1)?.status).toBe('COMPLETED');
  await fillOtherTables(server);
});
afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

const importFiles = async ({ client }: Pick<TestUser, 'client'>, files: Record<string, Buffer>) => {
  const conversation = withFiles(
    'with files',
    ...Object.keys(files).map((name) => ({ id: name.split('.')[0] ?? '', name })),
  );
  const zip = await zipOf({
    'conversations.json': JSON.stringify([conversation, dialogue('plain')]),
    ...files,
  });
  return sync(client, server.exports.serve(zip).url);
};

/** Rows of the tables that an import leaves empty, with all that COPY has to escape. */
async function fillOtherTables({ databaseUrl, viewer: { userId } }: TestServer): Promise<void> {
  const id = '01a205b3-bbea-7460-b342-0fecbd05b15d';
  const nasty = `E'tab\\t back\\\\slash \\\\N line\\nfeed \\r quote\\' "double" \\U0001F600 {a,b}'`;
  await query(
    databaseUrl,
    `INSERT INTO sync_configs (user_id, export_url_sealed, updated_at) VALUES ('${userId}', '\\x00ff5c', now());
     INSERT INTO sync_problems (user_id, task_id, ordinal, outcome, code, reason)
       SELECT user_id, id, 0, 'WARNING', 'X', ${nasty} FROM sync_tasks LIMIT 1;
     INSERT INTO known_sources (user_id, url_hash, archive_sha256) VALUES ('${userId}', '\\x01', '\\x02');
     INSERT INTO deleted_conversations (user_id, provider, external_id) VALUES ('${userId}', 'chatgpt', '');
     INSERT INTO sessions (id, token_hash, user_id, data, expires_at)
       VALUES ('${id}', '\\x03', '${userId}', jsonb_build_object('state', ${nasty}), 'infinity');
     INSERT INTO api_keys (user_id, id, name, prefix, key_hash, scopes)
       VALUES ('${userId}', '${id}', ${nasty}, 'sidecar_1', '\\x04', ARRAY[${nasty}, '', NULL]);
     INSERT INTO chat_sessions (user_id, id, title) VALUES ('${userId}', '${id}', '');
     INSERT INTO chat_turns (user_id, session_id, ordinal, query, context, suggestions)
       VALUES ('${userId}', '${id}', 0, ${nasty}, '[]', '{}');
     UPDATE sync_tasks SET fraction = 1 / 3.0::float8, per_second = 0.1`,
  );
}

async function emptyPlace(): Promise<{ databaseUrl: string; dataDir: string }> {
  const database = await createEmptyDatabase();
  onTestFinished(database.drop);
  return { databaseUrl: database.url, dataDir: await mkdtemp(join(folder, 'place-')) };
}

const restoreInto = async (
  path: string,
  { databaseUrl, dataDir }: { databaseUrl: string; dataDir: string },
) =>
  restoreBackup({
    path,
    databaseUrl,
    files: await openLocalFiles(dataDir),
    logger: quietLogger,
    onProgress: () => undefined,
  });

test('a backup restored into an empty place brings every row and every file, and nobody else may read it', async () => {
  const path = join(folder, 'whole.tar');
  const { databaseUrl, services } = server;
  const summary = await backUp({ databaseUrl, files: services.files, path });
  const before = await allRows(databaseUrl);
  expect(Object.entries(before).filter(([, rows]) => rows.length === 0)).toEqual([]);
  expect(summary.missing).toBe(0);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await readdir(folder)).filter((name) => name.startsWith('whole'))).toEqual(['whole.tar']);

  const place = await emptyPlace();
  expect(await restoreInto(path, place)).toEqual({ ...summary, leftOut: [] });
  expect(await allRows(place.databaseUrl)).toEqual(before);
  const stored = await storedFiles(join(place.dataDir, 'files'));
  expect(stored).toEqual(await namedFiles(databaseUrl));
  expect(stored).toHaveLength(summary.files);
  const files = await openLocalFiles(place.dataDir);
  for (const name of stored) {
    const [userId = '', hex = ''] = name.split('/');
    expect(sha256Of(await buffer(await files.read(userId, Buffer.from(hex, 'hex'))))).toBe(hex);
  }

  // Once more, and the place is not empty.
  await expect(restoreInto(path, place)).rejects.toThrow('not empty');
  await expect(backUp({ databaseUrl, files: services.files, path })).rejects.toThrow('is there already');
});

test('files go from a folder into a bucket and back', async () => {
  const bucket = await startBucket();
  onTestFinished(bucket.close);
  const config = loadConfig({ ...bucket.env, DATA_DIR: await mkdtemp(join(folder, 'bucket-')) });
  const files = await openFiles(config);
  onTestFinished(files.close);
  const [path, back] = [join(folder, 'to-bucket.tar'), join(folder, 'from-bucket.tar')];
  await backUp({ databaseUrl: server.databaseUrl, files: server.services.files, path });
  const place = await emptyPlace();
  await restoreBackup({ ...place, path, files, logger: quietLogger, onProgress: () => undefined });
  expect(await bucket.objectsOf(second.viewer.userId)).toHaveLength(1);
  const summary = await backUp({ databaseUrl: place.databaseUrl, files, path: back });
  expect(summary.missing).toBe(0);
  const home = await emptyPlace();
  await restoreInto(back, home);
  expect(await storedFiles(join(home.dataDir, 'files'))).toEqual(await namedFiles(server.databaseUrl));
});

test('what an import writes after the first moment of a backup is not in it, in any table or file', async () => {
  const user = await server.asUser();
  const before = await allRows(server.databaseUrl);
  const files = await namedFiles(server.databaseUrl);
  const snapshot = await openSnapshot(server.databaseUrl);
  onTestFinished(snapshot.close);
  const counts: Record<string, number> = {};
  for (const [index, table] of snapshot.tables.entries()) {
    // Everything behind the first table is read when an import has changed it.
    if (index === 1) await importFiles(user, { 'file-Later.png': Buffer.from('later') });
    const rows = snapshot.rows(table);
    for (let next = await rows.next(); ; next = await rows.next()) {
      if (next.done) {
        counts[table.name] = next.value;
        break;
      }
    }
  }
  expect(counts).toEqual(
    Object.fromEntries(Object.entries(before).map(([name, rows]) => [name, rows.length])),
  );
  const named: string[] = [];
  for await (const { userId, sha256 } of snapshot.files()) named.push(`${userId}/${sha256.toString('hex')}`);
  expect(named).toEqual(files);
  expect(await namedFiles(server.databaseUrl)).toHaveLength(files.length + 1);
});

test('a content that is gone or has changed is one that no export held so far, after a restore', async () => {
  const user = await server.asUser();
  const path = join(folder, 'gaps.tar');
  const contents = { 'file-Gone.png': Buffer.from('gone'), 'file-Torn.bin': randomBytes(2_000_000) };
  await importFiles(user, { ...contents, 'file-Kept.png': Buffer.from('kept') });
  const store = join(dataDirOf(server.services), 'files', user.viewer.userId);
  for (const [name, content] of Object.entries(contents)) {
    const hex = sha256Of(content);
    const file = join(store, hex.slice(0, 2), hex);
    if (name === 'file-Gone.png') await rm(file);
    else await writeFile(file, content.subarray(0, 1_500_000));
  }
  const summary = await backUp({ databaseUrl: server.databaseUrl, files: server.services.files, path });
  expect(summary.missing).toBe(2);
  const place = await emptyPlace();
  await restoreInto(path, place);
  const assets = await query(
    place.databaseUrl,
    `SELECT external_id AS id, sha256 IS NOT NULL AS here FROM assets WHERE user_id = '${user.viewer.userId}' ORDER BY 1`,
  );
  expect(assets).toEqual([
    { id: 'file-Gone', here: false },
    { id: 'file-Kept', here: true },
    { id: 'file-Torn', here: false },
  ]);
  // Mended for the tests that follow.
  for (const content of Object.values(contents)) {
    const hex = sha256Of(content);
    await writeFile(join(store, hex.slice(0, 2), hex), content);
  }
});

test('a restore that cannot store a file leaves no row, and goes through once it can', async () => {
  const path = join(folder, 'blocked.tar');
  await backUp({ databaseUrl: server.databaseUrl, files: server.services.files, path });
  const place = await emptyPlace();
  const blocked = join(place.dataDir, 'files', second.viewer.userId);
  await mkdir(join(place.dataDir, 'files'));
  await writeFile(blocked, 'in the way');
  await expect(restoreInto(path, place)).rejects.toThrow(/EEXIST|ENOTDIR/);
  expect(await countRows(place.databaseUrl)).toBe(0);
  await rm(blocked);
  await restoreInto(path, place);
  expect(await allRows(place.databaseUrl)).toEqual(await allRows(server.databaseUrl));
});

test('a backup that is broken off leaves nothing behind', async () => {
  const path = join(folder, 'broken-off.tar');
  const files = {
    read: async () => {
      throw new NotFoundError('file');
    },
  };
  const nowhere = join(folder, 'none', 'backup.tar');
  await expect(backUp({ databaseUrl: server.databaseUrl, files, path: nowhere })).rejects.toThrow('ENOENT');
  const database = await createEmptyDatabase();
  onTestFinished(database.drop);
  await expect(backUp({ databaseUrl: database.url, files, path })).rejects.toThrow('nothing of Sidecar');
  expect((await readdir(folder)).filter((name) => name.startsWith('broken-off'))).toEqual([]);
  await expect(readFile(path)).rejects.toThrow('ENOENT');
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { countRows } from '../support/backups.ts';
import { createTestClient } from '../support/client.ts';
import { exportOf } from '../support/exports.ts';
import { findFreePort } from '../support/free-port.ts';
import { createEmptyDatabase, createTestDatabase, query } from '../support/postgres.ts';
import { runScript } from '../support/programs.ts';
import { until } from '../support/until.ts';

const patienceMs = 120_000;

test(
  'the embedded database is backed up while its server runs and without, and restored elsewhere',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sidecar-backup-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    // PostgreSQL runs as a user of its own when root starts it, and has to pass through.
    await chmod(folder, 0o711);
    const port = String(await findFreePort());
    const env = { DATA_DIR: join(folder, 'data'), PORT: port };
    const elsewhere = { DATA_DIR: join(folder, 'elsewhere'), PORT: port };
    const [running, stopped] = [join(folder, 'running.tar'), join(folder, 'stopped.tar')];
    const zip = join(folder, 'export.zip');
    await writeFile(zip, await exportOf([dialogue('one'), dialogue('two')]));

    const nothing = await runScript('backup', [running], env);
    expect(await nothing.exited).toBe(1);
    expect(nothing.stderr()).toContain('There is no database in');
    expect(await readdir(folder)).not.toContain('data');

    const server = await runScript('start', [], env);
    await server.prints(/listening on/);
    const imported = await runScript('import', [zip], env);
    expect(await imported.exited, imported.stderr()).toBe(0);
    const backup = await runScript('backup', [running], env);
    expect(await backup.exited, backup.stderr()).toBe(0);
    expect(backup.stdout()).toMatch(/^Backed up \d+ rows of \d+ tables and 0 files into /);
    const refused = await runScript('restore', [running], env);
    expect(await refused.exited).toBe(1);
    expect(refused.stderr()).toContain('not empty');
    server.kill('SIGTERM');
    await server.exited;

    const later = await runScript('backup', [stopped], env);
    expect(await later.exited, later.stderr()).toBe(0);

    const restored = await runScript('restore', [stopped], elsewhere);
    expect(await restored.exited, restored.stderr()).toBe(0);
    expect(restored.stdout()).toMatch(/^Restored \d+ rows and 0 files\.\n.*API_KEY/);
    const again = await runScript('start', [], elsewhere);
    const [, url = ''] = await again.prints(/listening on (\S+)/);
    const [, apiKey = ''] = await again.prints(/API key {2}(\S+)/);
    const client = createTestClient(url, apiKey);
    onTestFinished(client.close);
    expect(await client.request('{ conversations { totalCount } }')).toEqual({
      conversations: { totalCount: 2 },
    });
    again.kill('SIGTERM');
    await again.exited;
  },
  patienceMs,
);

test('Ctrl-C breaks a backup off, even one that waits for a migration, and leaves nothing behind', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-backup-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const database = await createTestDatabase();
  onTestFinished(database.drop);
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  onTestFinished(() => client.end());
  await client.query('BEGIN; LOCK TABLE messages IN ACCESS EXCLUSIVE MODE');
  const path = join(folder, 'backup.tar');
  const backup = await runScript('backup', [path], { DB_URL: database.url, DATA_DIR: folder });
  await until('the backup waits', async () => {
    const { rows } = await client.query(
      `SELECT FROM pg_locks WHERE relation = 'messages'::regclass AND NOT granted`,
    );
    return rows.length > 0;
  });
  expect(await readdir(folder)).toContain('backup.tar.part');
  backup.kill('SIGINT');
  expect(await backup.exited).toBe(1);
  expect((await readdir(folder)).filter((name) => name.startsWith('backup'))).toEqual([]);
});

test(
  'Ctrl-C breaks a restore off behind the migration that runs, and a second one finds an empty place',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sidecar-backup-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const source = await createTestDatabase();
    onTestFinished(source.drop);
    await query(source.url, 'INSERT INTO users (id) VALUES (gen_random_uuid())');
    const env = { DATA_DIR: folder };
    const path = join(folder, 'backup.tar');
    const backup = await runScript('backup', [path], { ...env, DB_URL: source.url });
    expect(await backup.exited, backup.stderr()).toBe(0);

    const place = await createEmptyDatabase();
    onTestFinished(place.drop);
    const client = new pg.Client({ connectionString: place.url });
    await client.connect();
    onTestFinished(() => client.end());
    // Has a migration wait in its middle.
    await client.query(
      `CREATE FUNCTION wait() RETURNS event_trigger LANGUAGE plpgsql AS
         $$ BEGIN PERFORM pg_advisory_xact_lock_shared(7); END $$;
       CREATE EVENT TRIGGER wait ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION wait();
       SELECT pg_advisory_lock(7)`,
    );
    const restore = await runScript('restore', [path], { ...env, DB_URL: place.url });
    await until('a migration waits', async () => {
      const { rows } = await client.query(
        `SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted`,
      );
      return rows.length > 0;
    });
    restore.kill('SIGINT');
    await client.query('SELECT pg_advisory_unlock(7)');
    expect(await restore.exited).toBe(1);
    expect(restore.stderr()).toBe('');
    expect(await countRows(place.url)).toBe(0);
    await client.query('DROP EVENT TRIGGER wait');
    const again = await runScript('restore', [path], { ...env, DB_URL: place.url });
    expect(await again.exited, again.stderr()).toBe(0);
    expect(again.stdout()).toContain('Restored 1 rows');
  },
  patienceMs,
);

test('a backup whose reader has gone, as in a pipe to head, is written to its end', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-backup-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const database = await createTestDatabase();
  onTestFinished(database.drop);
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, ['src/cli/backup.ts', join(folder, 'backup.tar')], {
    env: { PATH, HOME, DB_URL: database.url, DATA_DIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  child.stderr.destroy();
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect((await readdir(folder)).filter((name) => name.startsWith('backup'))).toEqual(['backup.tar']);
});

test('without a file, or with one that is not there, both say what they need', async () => {
  for (const name of ['backup', 'restore']) {
    const program = await runScript(name);
    expect(await program.exited).toBe(2);
    expect(program.stderr()).toBe(`Usage: npm run ${name} -- FILE\n`);
  }
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-backup-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const missing = await runScript('restore', [join(folder, 'none.tar')], { DATA_DIR: join(folder, 'data') });
  expect(await missing.exited).toBe(1);
  expect(missing.stderr()).toContain('none.tar');
  expect(await readdir(folder)).toEqual([]);
});

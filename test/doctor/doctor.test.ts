import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startBucket } from '../support/bucket.ts';
import { embeddingsKey, startEmbeddingsServer } from '../support/embeddings-server.ts';
import { findFreePort } from '../support/free-port.ts';
import { modelKey, startModelServer } from '../support/model-server.ts';
import { createTestDatabase, query } from '../support/postgres.ts';
import { runScript } from '../support/programs.ts';
import { startRedis } from '../support/redis.ts';
import { setDoctorStage } from './stage.ts';

const { dataDir, emptyDatabase, migratedDatabase, examine } = setDoctorStage();
let redis: Awaited<ReturnType<typeof startRedis>>;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis?.close());

const google = {
  GOOGLE_CLIENT_ID: '1234-abcd.apps.googleusercontent.com',
  GOOGLE_CLIENT_SECRET: 'GOCSPX-abcdefghijklmnopqrstuvwx',
  REDIRECT_URI: 'https://sidecar.example.com/auth/callback',
};

test('a production that is set up well has nothing to mend, and nothing is left of the look', async () => {
  const [bucket, model, embeddings] = [
    await startBucket(),
    await startModelServer(),
    await startEmbeddingsServer(),
  ];
  for (const { close } of [bucket, model, embeddings]) onTestFinished(close);
  const databaseUrl = await migratedDatabase();
  const { code, lines, mends } = await examine({
    ...bucket.env,
    ...google,
    ENVIRONMENT: 'production',
    API_KEY: 'a-key-of-more-than-24-characters',
    TRUST_PROXY: '1',
    DB_URL: databaseUrl,
    REDIS_URL: redis.url,
    CHAT_BASE_URL: model.url,
    CHAT_MODEL: 'llama',
    CHAT_API_KEY: modelKey,
  });
  expect(mends).toEqual([]);
  expect(code).toBe(0);
  expect(lines.at(-1)).toBe('All is well.');
  const text = lines.join('\n');
  expect(text).toMatch(/^ok +database +PostgreSQL 1\d/m);
  expect(text).toContain('All migrations are applied.');
  expect(text).toContain('Redis evicts nothing.');
  expect(text).toContain('The bucket takes, gives and removes files.');
  expect(text).toContain('The server of llama answers.');
  expect(await bucket.objectsOf('00000000-0000-0000-0000-000000000000')).toEqual([]);
  expect((await readdir(dataDir())).filter((name) => name.includes('doctor'))).toEqual([]);
});

test('every problem of the environment is told at once, and nothing else is tried', async () => {
  const { code, mends, lines } = await examine({ PORT: 'x', LOG_LEVEL: 'y', GOOGLE_CLIENT_ID: 'only this' });
  expect(code).toBe(1);
  expect(mends).toHaveLength(3);
  expect(mends.join('\n')).toMatch(/PORT .*\n.*LOG_LEVEL .*\n.*GOOGLE_CLIENT_SECRET and REDIRECT_URI/);
  expect(lines.at(-1)).toBe('3 to mend.');
});

test('a Redis that evicts, forgets, or is only a copy is found', async () => {
  const DB_URL = await migratedDatabase();
  const client = new Redis(redis.url);
  onTestFinished(async () => {
    await client.config('SET', 'maxmemory-policy', 'noeviction');
    await client.replicaof('NO', 'ONE');
    client.disconnect();
  });
  await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
  const evicting = await examine({ DB_URL, REDIS_URL: redis.url });
  expect(evicting.code).toBe(1);
  expect(evicting.mends).toEqual([expect.stringContaining('maxmemory-policy allkeys-lru')]);
  expect(evicting.lines).toContainEqual(expect.stringMatching(/^note +redis .*appendonly yes/));
  await client.config('SET', 'maxmemory-policy', 'noeviction');
  await client.replicaof('127.0.0.1', '1');
  const copy = await examine({ DB_URL, REDIS_URL: redis.url });
  expect(copy.mends).toEqual([expect.stringMatching(/refuses to write.*primary/)]);
});

test('stores that do not answer, or not to this password, are named without it', async () => {
  const secret = 'hunter2-is-secret';
  const url = new URL(await migratedDatabase());
  url.password = secret;
  await using locked = await startLockedRedis();
  const wrong = await examine({ DB_URL: url.href, REDIS_URL: `redis://:${secret}@127.0.0.1:${locked.port}` });
  expect(wrong.mends).toEqual([
    expect.stringMatching(/database +PostgreSQL cannot be reached: password authentication failed/),
    expect.stringMatching(/redis +Redis cannot be reached: WRONGPASS/),
  ]);
  expect(wrong.lines.join('\n')).not.toContain(secret);

  const port = await findFreePort();
  const none = await examine({
    DB_URL: `postgresql://u:${secret}@127.0.0.1:${port}/d`,
    REDIS_URL: `redis://:${secret}@127.0.0.1:${port}`,
  });
  expect(none.mends).toEqual([
    expect.stringMatching(/PostgreSQL cannot be reached: .*ECONNREFUSED/),
    expect.stringMatching(/Redis cannot be reached: .*ECONNREFUSED/),
  ]);
  expect(none.lines.join('\n')).not.toContain(secret);
});

async function startLockedRedis() {
  const server = await startRedis();
  const client = new Redis(server.url);
  await client.config('SET', 'requirepass', 'the right one');
  client.disconnect();
  return { port: server.port, [Symbol.asyncDispose]: () => server.close() };
}

test('a database of a newer Sidecar, with a failed migration, or still empty is told apart', async () => {
  const REDIS_URL = redis.url;
  const newer = await migratedDatabase();
  await query(
    newer,
    `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at) VALUES ('x', 'x', '99990101_failed', now());
     INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at) VALUES ('y', 'y', '99990102_newer', now())`,
  );
  const { mends } = await examine({ DB_URL: newer, REDIS_URL });
  expect(mends).toEqual([
    expect.stringMatching(/99990101_failed did not finish.*--retry 99990101_failed/),
    expect.stringMatching(/newer version of Sidecar \(.*99990102_newer/),
  ]);
  const first = await examine({ DB_URL: await emptyDatabase(), REDIS_URL });
  expect(first.code).toBe(0);
  expect(first.lines).toContainEqual(expect.stringContaining('The database has no tables yet'));
});

test('Google, a bucket and models that are set up wrongly say which variable to correct', async () => {
  const bucket = await startBucket();
  onTestFinished(bucket.close);
  const embeddings = await startEmbeddingsServer();
  onTestFinished(embeddings.close);
  const { mends, lines } = await examine({
    ...bucket.env,
    ...google,
    S3_BUCKET: 'another',
    GOOGLE_CLIENT_ID: 'me@example.com',
    GOOGLE_CLIENT_SECRET: 'short secret',
    REDIRECT_URI: 'http://localhost:9999/auth/callback',
    DB_URL: await migratedDatabase(),
    CHAT_BASE_URL: `http://127.0.0.1:${await findFreePort()}/v1`,
    CHAT_MODEL: 'llama',
    EMBEDDINGS_BASE_URL: embeddings.url,
    EMBEDDINGS_MODEL: 'meaning',
    EMBEDDINGS_API_KEY: `${embeddingsKey}-wrong`,
  });
  expect(mends).toEqual([
    expect.stringContaining('needs pgvector'),
    expect.stringContaining('S3_BUCKET'),
    expect.stringContaining('GOOGLE_CLIENT_ID'),
    expect.stringContaining('GOOGLE_CLIENT_SECRET'),
    expect.stringContaining('port 9999'),
    expect.stringContaining('CHAT_BASE_URL'),
    expect.stringContaining('EMBEDDINGS_API_KEY'),
  ]);
  expect(lines.join('\n')).not.toMatch(/short secret|sk-embed/);
});

test('a data directory that cannot be written is found, and one that is still to be made is no fault', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-doctor-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const blocked = join(folder, 'a file');
  await writeFile(blocked, '');
  const inTheWay = await examine({
    DATA_DIR: join(blocked, 'data'),
    INGEST_ROOT: join(folder, 'none'),
    WATCH_DIR: join(folder, 'none as well'),
  });
  expect(inTheWay.mends).toEqual([
    expect.stringMatching(/data directory .*cannot be written/),
    expect.stringMatching(/imports .*correct INGEST_ROOT/),
    expect.stringMatching(/imports .*correct WATCH_DIR/),
  ]);
  const fresh = await examine({ DATA_DIR: join(folder, 'new', 'data') });
  expect(fresh.code).toBe(0);
  expect(fresh.lines).toContainEqual(
    expect.stringContaining('PostgreSQL is embedded: the first start makes it'),
  );
  expect(await readdir(folder)).toEqual(['a file']);
});

test('a clock that is wrong is found against that of the database', async () => {
  const DB_URL = await migratedDatabase();
  const preload = join(dataDir(), 'clock.mjs');
  await writeFile(preload, 'const now = Date.now; Date.now = () => now() - 90_000;');
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, ['--import', preload, 'src/cli/doctor.ts'], {
    env: { PATH, HOME, DATA_DIR: dataDir(), DB_URL },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += String(chunk);
  });
  await once(child, 'close');
  expect(output).toMatch(/MEND +database +The database's clock is 90(\.\d)? s ahead of that of this machine/);
});

test('an embedded database is looked at while its server runs and without', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-doctor-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  // PostgreSQL runs as a user of its own when root starts it, and has to pass through.
  await chmod(folder, 0o711);
  const env = { DATA_DIR: join(folder, 'data'), PORT: '0' };
  const server = await runScript('start', [], env);
  await server.prints(/listening on/);
  const running = await examine(env);
  server.kill('SIGTERM');
  await server.exited;
  const stopped = await examine(env);
  for (const { code, lines } of [running, stopped]) {
    expect(code, lines.join('\n')).toBe(0);
    expect(lines).toContainEqual(expect.stringContaining('All migrations are applied.'));
  }
}, 120_000);

test('a database without fsync, which a power cut destroys, is found', async () => {
  const database = await createTestDatabase();
  onTestFinished(database.drop);
  const { mends } = await examine({ DB_URL: database.url });
  expect(mends).toEqual([expect.stringContaining('fsync is off')]);
});

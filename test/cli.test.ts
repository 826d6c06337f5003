import { access, chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { generateExport } from '../bench/generator/index.ts';
import { isServerOf } from '../src/infra/embedded-postgres/processes.ts';
import { clientUrl, serverUrl } from '../src/server-url.ts';
import { dialogue } from './archive/builders.ts';
import { createTestClient } from './support/client.ts';
import { exportOf, startExportServer } from './support/exports.ts';
import { findFreePort } from './support/free-port.ts';
import { createTestDatabase } from './support/postgres.ts';
import { runScript, START_MS } from './support/programs.ts';
import { claimRedisDatabase } from './support/redis.ts';
import { sync } from './support/syncs.ts';
import { until } from './support/until.ts';

const patienceMs = 120_000;

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-cli-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  // PostgreSQL runs as a user of its own when root starts it, and has to pass through.
  await chmod(folder, 0o711);
  return folder;
}

async function serveExports() {
  const exports = await startExportServer();
  onTestFinished(exports.close);
  return exports;
}

async function postmasterOf(dataDir: string): Promise<number> {
  const [pid] = (await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n');
  return Number(pid);
}

async function expectNothingOpen(dataDir: string, postmaster: number): Promise<void> {
  expect(await isServerOf(postmaster, join(dataDir, 'postgres'))).toBe(false);
  expect(await readdir(dataDir)).not.toContain('postgres.lock');
  expect(await readdir(join(dataDir, 'postgres'))).not.toContain('postmaster.pid');
}

const countQuery = '{ conversations { totalCount } }';

test(
  'npm start keeps its data and its key, whatever ended it, and leaves nothing running',
  async () => {
    const folder = await temporaryFolder();
    const exports = await serveExports();
    const port = String(await findFreePort());
    const dataDir = join(folder, 'data');
    const clusterDir = join(dataDir, 'postgres');
    const env = { DATA_DIR: dataDir, PORT: port, EXPORT_ALLOWED_HOSTS: exports.host };

    const first = await runScript('start', [], env);
    const [, url = ''] = await first.prints(/listening on (\S+)/);
    const [, apiKey = ''] = await first.prints(/API key {2}(\S+)/);
    expect(url).toBe(`http://127.0.0.1:${port}`);

    // A second one on the same folder says what is in its way.
    const second = await runScript('start', [], { ...env, PORT: '0' });
    expect(await second.exited).toBe(1);
    expect(second.stderr()).toMatch(/^Sidecar could not start: .*data/);
    expect(second.stderr()).not.toMatch(/\n\s+at /);

    // A zip and a URL through the server that runs.
    const zip = await exportOf([dialogue('one'), dialogue('two')]);
    const path = join(folder, 'export.zip');
    await writeFile(path, zip);
    const byFile = await runScript('import', [path], env);
    expect(await byFile.exited, byFile.stderr()).toBe(0);
    expect(byFile.stdout()).toMatch(/^COMPLETED: 2 conversations added, 0 updated, 0 unchanged/);
    expect(byFile.stderr()).toMatch(/^DONE 100%/m);
    const byUrl = await runScript('import', [exports.serve(zip).url], env);
    expect(await byUrl.exited, byUrl.stderr()).toBe(0);
    expect(byUrl.stdout()).toMatch(/^COMPLETED: 0 conversations added, 0 updated, 2 unchanged/);
    const refused = await runScript('import', ['http://10.0.0.1/export.zip'], env);
    expect(await refused.exited).toBe(1);
    expect(refused.stderr()).toContain('private address');
    const missing = await runScript('import', [join(folder, 'none.zip')], env);
    expect(await missing.exited).toBe(1);

    const elsewhere = join(folder, 'elsewhere');
    const stranger = await runScript('import', [path], { ...env, DATA_DIR: elsewhere });
    expect(await stranger.exited).toBe(1);
    expect(stranger.stderr()).toContain("set API_KEY or DATA_DIR to the server's");
    await expect(access(elsewhere)).rejects.toThrow();

    // It dies, and starts again with its data and its key.
    const abandoned = await postmasterOf(dataDir);
    first.kill('SIGKILL');
    await first.exited;
    expect(await isServerOf(abandoned, clusterDir)).toBe(true);
    const third = await runScript('start', [], env);
    await third.prints(/API key in/);
    expect(await isServerOf(abandoned, clusterDir)).toBe(false);
    expect(third.stdout()).not.toContain(apiKey);
    expect(third.stdout()).toContain(`API key in ${join(dataDir, 'api-key')}\n`);
    const client = createTestClient(url, apiKey);
    onTestFinished(client.close);
    expect(await client.request(countQuery)).toEqual({ conversations: { totalCount: 2 } });

    // Ctrl-C ends it all, an open stream included.
    const events = client.subscribe('sse', 'subscription { syncActivity { id } }');
    const ended = events.next().then(
      () => 'an end',
      () => 'a break',
    );
    const postmaster = await postmasterOf(dataDir);
    third.kill('SIGINT');
    expect(await third.exited).toBe(0);
    expect(await isServerOf(postmaster, clusterDir)).toBe(false);
    expect(await ended).toMatch(/an end|a break/);

    // Without a server the import starts one for itself.
    await writeFile(path, await exportOf([dialogue('one'), dialogue('three')]));
    const alone = await runScript('import', [path], env);
    expect(await alone.exited, alone.stderr()).toBe(0);
    expect(alone.stdout()).toMatch(/^COMPLETED: 1 conversations added, 0 updated, 1 unchanged/);
    await expect(postmasterOf(dataDir)).rejects.toThrow();
  },
  patienceMs,
);

test.each(['start', 'migrate', 'import'])(
  'Ctrl-C while npm run %s still opens its database leaves nothing running',
  async (name) => {
    const folder = await temporaryFolder();
    const path = join(folder, 'export.zip');
    await writeFile(path, await exportOf([dialogue('one')]));
    const dataDir = join(folder, 'data');
    const env = { DATA_DIR: dataDir, PORT: String(await findFreePort()) };
    const program = await runScript(name, name === 'import' ? [path] : [], env);
    const postmaster = await until(
      'PostgreSQL begins',
      () => postmasterOf(dataDir).catch(() => null),
      START_MS,
    );
    program.kill('SIGINT');
    expect(await program.exited, program.stderr()).toBe(1);
    expect(program.stderr()).not.toContain('could not');
    await expectNothingOpen(dataDir, postmaster);
  },
  patienceMs,
);

test(
  'Ctrl-C during an import through a server of its own leaves nothing running',
  async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'export.zip');
    await generateExport({ path, targetBytes: 30e6, seed: 1, sharded: true });
    const dataDir = join(folder, 'data');
    const env = { DATA_DIR: dataDir, PORT: String(await findFreePort()) };
    const program = await runScript('import', [path], env);
    await until('the import is under way', () => /^IMPORTING/m.test(program.stderr()), START_MS);
    const postmaster = await postmasterOf(dataDir);
    program.kill('SIGINT');
    expect(await program.exited, program.stderr()).toBe(1);
    expect(program.stdout()).toBe('');
    await expectNothingOpen(dataDir, postmaster);
  },
  patienceMs,
);

test(
  'npm run demo shows an import from nothing to search hits, and ends, without the stores and key of a server',
  async () => {
    const nowhere = 'postgresql://u:p@127.0.0.1:1/none';
    const apiKey = 'a-key-of-more-than-24-characters';
    const demo = await runScript('demo', [], {
      ENVIRONMENT: 'production',
      API_KEY: apiKey,
      DB_URL: nowhere,
      DB_DIRECT_URL: nowhere,
      DB_REPLICA_URLS: nowhere,
      REDIS_URL: 'redis://127.0.0.1:1',
      S3_BUCKET: 'of-a-server',
      S3_ENDPOINT: 'http://127.0.0.1:1',
      S3_ACCESS_KEY_ID: 'x',
      S3_SECRET_ACCESS_KEY: 'x',
      INGEST_ROOT: '/none',
      WATCH_DIR: '/none',
    });
    expect(await demo.exited, demo.stderr()).toBe(0);
    const output = demo.stdout();
    const [, made] = /(\d+) conversations, \d+ messages, a zip of/.exec(output) ?? [];
    expect(output).toMatch(/^DOWNLOADING|^IMPORTING/m);
    expect(output).toContain(`COMPLETED: ${made} conversations added`);
    expect(output).toMatch(/0 skipped, 0 failed/);
    expect(output.match(/^ {4}.*\*\S+\*.*$/gm)).toHaveLength(3);
    expect(output).toMatch(/GraphiQL +http:\/\/127\.0\.0\.1:\d+\/graphql/);
    expect(output).toMatch(/API key +sidecar_/);
    expect(output).not.toContain(apiKey);
  },
  patienceMs,
);

test(
  'with a database and Redis the server and the workers are processes of their own',
  async () => {
    const folder = await temporaryFolder();
    const exports = await serveExports();
    const database = await createTestDatabase();
    onTestFinished(database.drop);
    const redis = await claimRedisDatabase(inject('redisUrl'));
    onTestFinished(redis.drop);
    const apiKey = 'a-key-of-more-than-24-characters';
    const env = {
      ENVIRONMENT: 'production',
      DB_URL: database.url,
      REDIS_URL: redis.url,
      DATA_DIR: folder,
      PORT: '0',
      API_KEY: apiKey,
      EXPORT_ALLOWED_HOSTS: exports.host,
    };
    const [server, worker] = await Promise.all([runScript('start', [], env), runScript('worker', [], env)]);
    const [, url = ''] = await server.prints(/listening on (\S+)/);
    expect(server.stdout()).not.toContain(apiKey);
    await until('the worker waits', () => worker.stderr().includes('waiting for jobs'), START_MS);
    const client = createTestClient(url, apiKey);
    onTestFinished(client.close);
    const task = await sync(client, exports.serve(await exportOf([dialogue('apart')])).url);
    expect(task).toMatchObject({ status: 'COMPLETED', counts: { added: 1 } });
    server.kill('SIGTERM');
    worker.kill('SIGTERM');
    expect(await Promise.all([server.exited, worker.exited])).toEqual([0, 0]);
  },
  patienceMs,
);

test('a wrong configuration stops every program with all of its problems and no stack', async () => {
  for (const name of ['start', 'worker', 'import']) {
    const program = await runScript(name, name === 'import' ? ['x.zip'] : [], { PORT: 'x', LOG_LEVEL: 'y' });
    expect(await program.exited, name).toBe(1);
    expect(program.stderr(), name).toMatch(/PORT .*\n.*LOG_LEVEL /);
    expect(program.stderr(), name).not.toMatch(/\n\s+at /);
  }
  const worker = await runScript('worker');
  expect(await worker.exited).toBe(1);
  expect(worker.stderr()).toContain('DB_URL is required for a worker');
});

test('an address of IPv6 stands in brackets, and a client calls all interfaces by the loopback', () => {
  expect(serverUrl('::1', 8088)).toBe('http://[::1]:8088');
  expect(serverUrl('0.0.0.0', 8088)).toBe('http://0.0.0.0:8088');
  expect(clientUrl('::', 8088)).toBe('http://[::1]:8088');
  expect(clientUrl('0.0.0.0', 80)).toBe('http://127.0.0.1:80');
  expect(clientUrl('sidecar.lan', 80)).toBe('http://sidecar.lan:80');
});

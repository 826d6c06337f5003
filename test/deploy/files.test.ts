import { access, readFile } from 'node:fs/promises';
import { DCLinter } from 'dclint';
import { validate as validateDockerfile } from 'dockerfile-utils';
import { createRailwayContext, type ResourceNode, type ServiceNode, validateGraph } from 'railway/iac';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import railway from '../../.railway/railway.ts';
import { variableNames } from '../../src/config.ts';
import { problemsOf } from '../support/config.ts';
import { environmentOf, lastOf, readStages } from '../support/dockerfile.ts';
import { expectCommandsOfScripts, expectPaths } from './commands.ts';

test('the Dockerfile is valid, and its image runs as another user than root what is there', async () => {
  const text = await readFile('Dockerfile', 'utf8');
  expect(validateDockerfile(text).map(({ message }) => message)).toEqual([]);
  const stages = await readStages();
  expect(stages.map(([from]) => from?.text)).toEqual([
    expect.stringMatching(/^node:24-[a-z]+-slim AS build$/),
    expect.stringMatching(/^node:24-[a-z]+-slim$/),
  ]);
  const [build = [], image = []] = stages;
  expect(lastOf(image, 'USER').text).toBe('node');
  await expectCommandsOfScripts([lastOf(image, 'CMD').words ?? []]);
  expect(lastOf(image, 'HEALTHCHECK').words?.[0]).toBe('node');
  expect(lastOf(image, 'EXPOSE').text).toBe(environmentOf(image).PORT);
  expect(variableNames).toEqual(expect.arrayContaining(['HOST', 'PORT', 'DATA_DIR']));
  for (const { text: copied } of build.filter(({ keyword }) => keyword === 'COPY')) {
    for (const path of copied.split(' ').slice(0, -1)) await access(path);
  }
});

test('compose names known variables and commands, scales its workers, and keeps its jobs', async () => {
  const off = {
    'service-keys-order': 0,
    'services-alphabetical-order': 0,
    'top-level-properties-order': 0,
  } as const;
  const linter = new DCLinter({ rules: off, quiet: true, debug: false, exclude: [] });
  const results = linter.lintFiles(['docker-compose.yml'], false) as { messages: object[] }[];
  const problems = results.flatMap(({ messages }) => messages);
  expect(problems).toEqual([]);

  const { services, volumes } = parse(await readFile('docker-compose.yml', 'utf8'), { merge: true }) as {
    services: Record<string, ComposeService>;
    volumes: object;
  };
  const { migrate, app, worker, redis } = services as Record<
    'migrate' | 'app' | 'worker' | 'redis',
    ComposeService
  >;
  const ofImage = environmentOf((await readStages()).at(-1) ?? []);
  const { HOST, PORT, DATA_DIR } = ofImage;
  const example = (await readFile('.env.example', 'utf8')).matchAll(/^([A-Z]\w*)=(.*)$/gm);
  const ofFile = Object.fromEntries([...example].map(([, name, value]) => [name, value]));
  for (const service of [migrate, app, worker]) {
    // Who copies the whole example into .env is still reached, and writes to the volume.
    expect({ ...ofImage, ...ofFile, ...service.environment }).toMatchObject({ HOST, PORT, DATA_DIR });
    const environment = Object.fromEntries(
      Object.entries(service.environment).map(([name, value]) => [
        name,
        value.replaceAll(/\$\{[^}]*\}/g, 'x'.repeat(32)),
      ]),
    );
    expect(variableNames).toEqual(expect.arrayContaining(Object.keys(environment)));
    expect(problemsOf(environment)).toEqual([]);
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], volumes: ['data:/data'] });
    expect(service).not.toHaveProperty('container_name');
    for (const name of Object.keys(service.depends_on)) expect(services).toHaveProperty(name);
  }
  await expectPaths(migrate.command);
  await expectCommandsOfScripts([migrate.command, worker.command]);
  for (const { depends_on } of [app, worker]) {
    expect(depends_on).toMatchObject({ migrate: { condition: 'service_completed_successfully' } });
  }
  expect(worker).not.toHaveProperty('ports');
  expect(redis.command.join(' ')).toMatch(/--appendonly yes .*--maxmemory-policy noeviction/);
  expect(Object.keys(volumes)).toEqual(['data', 'postgres', 'redis']);
});

interface ComposeService {
  environment: Record<string, string>;
  depends_on: Record<string, { condition: string }>;
  command: string[];
}

test('Railway gets known variables, a health check, a volume, and time to hand work back', async () => {
  const context = createRailwayContext({ environment: 'production' });
  const definition = await railway(context, (name, rest) => ({ name, ...rest }));
  const resources = (definition.resources ?? []) as ResourceNode[];
  const graph = {
    version: 1 as const,
    project: { name: definition.name },
    environments: [],
    resources,
    edges: [],
  };
  expect(validateGraph(graph)).toEqual([]);
  expect(resources.map(({ address }) => address)).toEqual([
    'database.postgres',
    'volume.sidecar-data',
    'service.sidecar',
  ]);
  const sidecar = resources.find(({ address }) => address === 'service.sidecar') as ServiceNode;
  const names = Object.keys(sidecar.variables ?? {}).filter((name) => !name.startsWith('RAILWAY_'));
  expect(variableNames).toEqual(expect.arrayContaining(names));
  expect(names).toEqual(expect.arrayContaining(['API_KEY', 'DB_URL', 'TRUST_PROXY']));
  expect(sidecar.variables).toMatchObject({
    API_KEY: { type: 'preserve' },
    DB_URL: { output: 'DATABASE_URL' },
  });
  const mounts = Object.values(sidecar.volumeAttachments ?? {}).map(({ mountPath }) => mountPath);
  expect(mounts).toEqual([environmentOf((await readStages()).at(-1) ?? []).DATA_DIR]);
  expect(sidecar.build).toMatchObject({ builder: 'DOCKERFILE', dockerfilePath: 'Dockerfile' });
  expect(sidecar.deploy).toMatchObject({ healthcheckPath: '/readyz', drainingSeconds: 30 });
});

test('the units of the deployment guide run the scripts without npm, which would not hand a signal on', async () => {
  const guide = await readFile('docs/deployment.md', 'utf8');
  const commands = [...guide.matchAll(/^ExecStart=(\S+) (.*)$/gm)].map(([, program = '', rest = '']) => ({
    program,
    words: rest.split(' '),
  }));
  expect(commands.map(({ words }) => words.at(-1))).toEqual(['src/main.ts', 'worker/main.ts']);
  for (const { program } of commands) expect(program).toMatch(/\/node_modules\/\.bin\/node$/);
  await access('node_modules/.bin/node');
  await expectCommandsOfScripts(commands.map(({ words }) => ['node', ...words]));
});

test('the deployment guide names variables that are read and files that are there', async () => {
  const guide = await readFile('docs/deployment.md', 'utf8');
  const named = [...guide.matchAll(/`([A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9])(?:=[^`]*)?`/g)].map(
    ([, name]) => name ?? '',
  );
  // Of a task, of Railway itself, and of Node.
  const others = ['ARCHIVE_GONE', 'RAILWAY_RUN_UID', 'NODE_EXTRA_CA_CERTS'];
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((name) => !variableNames.includes(name) && !others.includes(name))).toEqual([]);
  for (const [, path = ''] of guide.matchAll(/\]\(\.\.\/([^)#]+)/g)) await access(path);
  const anchors = [...guide.matchAll(/^## (.+)$/gm)].map(([, title = '']) =>
    title.toLowerCase().replaceAll(' ', '-'),
  );
  for (const [, anchor = ''] of guide.matchAll(/\]\(#([^)]+)\)/g)) expect(anchors).toContain(anchor);
});

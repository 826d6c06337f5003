import { access, glob, readdir, readFile } from 'node:fs/promises';
import * as keda from '@kubernetes-models/keda/keda.sh/v1alpha1';
import { DCLinter } from 'dclint';
import { validate as validateDockerfile } from 'dockerfile-utils';
import * as apps from 'kubernetes-models/apps/v1';
import * as batch from 'kubernetes-models/batch/v1';
import * as networking from 'kubernetes-models/networking.k8s.io/v1';
import * as policy from 'kubernetes-models/policy/v1';
import * as core from 'kubernetes-models/v1';
import { createRailwayContext, type ResourceNode, type ServiceNode, validateGraph } from 'railway/iac';
import { expect, onTestFinished, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import railway from '../../.railway/railway.ts';
import { variableNames } from '../../src/config.ts';
import { problemsOf } from '../support/config.ts';
import { environmentOf, lastOf, readStages } from '../support/dockerfile.ts';
import { createTestDatabase, query } from '../support/postgres.ts';

const kubernetes = 'deploy/kubernetes';

/** Words of a command that name a file of the project. */
const pathsIn = (words: string[]) => words.filter((word) => /^(\.\/)?(src|worker)\//.test(word));

async function expectPaths(words: string[]): Promise<void> {
  expect(pathsIn(words), words.join(' ')).not.toEqual([]);
  for (const path of pathsIn(words)) await access(path);
}

/** The scripts that an image's process has to be started as, for what Node is told there. */
async function expectCommandsOfScripts(commands: string[][]): Promise<void> {
  const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as {
    scripts: Record<string, string>;
  };
  for (const words of commands) expect(Object.values(scripts)).toContain(words.join(' '));
}

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

type Resource = {
  kind: string;
  apiVersion: string;
  metadata: { name: string };
  spec?: unknown;
  validate?: never;
};

/** Every class of a resource that the manifests may hold; each knows its schema. */
const kinds = { ...core, ...apps, ...batch, ...networking, ...policy, ...keda } as unknown as Record<
  string,
  new (
    resource: Resource,
  ) => { validate(): void }
>;

async function readManifests(): Promise<Resource[]> {
  const resources: Resource[] = [];
  for await (const path of glob(`${kubernetes}/*/*.yaml`)) {
    if (/(kustomization|names)\.yaml$/.test(path)) continue;
    for (const document of parseAllDocuments(await readFile(path, 'utf8')))
      resources.push(document.toJS() as Resource);
  }
  return resources;
}

test('each Kubernetes manifest fits the schema of its kind', async () => {
  const resources = await readManifests();
  expect(resources.length).toBeGreaterThan(10);
  for (const resource of resources) {
    const Kind = kinds[resource.kind];
    if (!Kind) throw new Error(`No schema for ${resource.kind}`);
    expect(() => new Kind(resource).validate(), `${resource.kind} ${resource.metadata.name}`).not.toThrow();
  }
});

interface Kustomization {
  resources: string[];
  configMapGenerator?: { name: string; literals: string[] }[];
  secretGenerator?: { name: string; envs: string[] }[];
}

test('kustomize finds every file, and configuration and secrets hold known variables', async () => {
  for (const folder of ['base', 'autoscaling']) {
    const directory = `${kubernetes}/${folder}`;
    const text = await readFile(`${directory}/kustomization.yaml`, 'utf8');
    const { resources, configMapGenerator = [], secretGenerator = [] } = parse(text) as Kustomization;
    for (const path of resources) await access(`${directory}/${path}`);
    const listed = resources.filter((path) => path.endsWith('.yaml'));
    const present = (await readdir(directory)).filter(
      (name) => name.endsWith('.yaml') && name !== 'names.yaml',
    );
    expect([...listed, 'kustomization.yaml'].toSorted()).toEqual(present.toSorted());
    if (folder !== 'base') continue;
    const example = await readFile(`${directory}/${secretGenerator[0]?.envs[0]}.example`, 'utf8');
    const lines = [...(configMapGenerator[0]?.literals ?? []), ...example.trim().split('\n')];
    const env = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]));
    expect(variableNames).toEqual(expect.arrayContaining(Object.keys(env)));
    const filled = {
      ...env,
      API_KEY: 'k'.repeat(32),
      GOOGLE_CLIENT_ID: 'id',
      GOOGLE_CLIENT_SECRET: 'secret',
    };
    expect(problemsOf(filled)).toEqual([]);
  }
});

async function readConfigMap(): Promise<Record<string, string>> {
  const text = await readFile(`${kubernetes}/base/kustomization.yaml`, 'utf8');
  const { configMapGenerator = [] } = parse(text) as Kustomization;
  return Object.fromEntries(
    (configMapGenerator[0]?.literals ?? []).map((line) => line.split(/=(.*)/s).slice(0, 2)),
  );
}

interface Pod {
  labels: Record<string, string>;
  annotations?: Record<string, string>;
  spec: {
    securityContext: object;
    terminationGracePeriodSeconds?: number;
    containers: {
      command?: string[];
      ports?: { name: string; containerPort: number }[];
      securityContext: object;
      volumeMounts?: { name: string; mountPath: string }[];
    }[];
    volumes?: { name: string }[];
  };
}

const podOf = (resource: Resource): Pod | null => {
  const { template } = (resource.spec ?? {}) as {
    template?: { metadata: Omit<Pod, 'spec'>; spec: Pod['spec'] };
  };
  return template ? { ...template.metadata, spec: template.spec } : null;
};

test('every pod runs what is there, not as root, with nothing but its volumes to write to', async () => {
  const pods = (await readManifests()).map(podOf).filter((pod) => pod !== null);
  expect(pods.map(({ labels }) => labels['app.kubernetes.io/component']).toSorted()).toEqual([
    'app',
    'migrate',
    'worker',
  ]);
  for (const { spec } of pods) {
    expect(spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 1000,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    for (const container of spec.containers) {
      expect(container.securityContext).toEqual({
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
      });
      if (container.command) {
        await expectPaths(container.command);
        await expectCommandsOfScripts([container.command]);
      }
      const volumes = (spec.volumes ?? []).map(({ name }) => name);
      expect((container.volumeMounts ?? []).map(({ name }) => name)).toEqual(volumes);
    }
  }
});

test('every selector of the manifests picks a pod, and the port is that of the image', async () => {
  const resources = await readManifests();
  const pods = resources.map(podOf).filter((pod) => pod !== null);
  const components = new Set(pods.map(({ labels }) => labels['app.kubernetes.io/component']));
  const selected = JSON.stringify(resources).matchAll(/"app\.kubernetes\.io\/component":"([a-z]+)"/g);
  for (const [, component] of selected) expect(components).toContain(component);
  const [, image = []] = await readStages();
  const ports = pods.flatMap(({ spec }) => spec.containers.flatMap((container) => container.ports ?? []));
  const { METRICS_PORT = '', METRICS_HOST = '' } = await readConfigMap();
  const numbers: Record<string, string | undefined> = {
    http: environmentOf(image).PORT,
    metrics: METRICS_PORT,
  };
  expect(ports.map(({ name }) => name).toSorted()).toEqual(['http', 'metrics', 'metrics']);
  for (const { name, containerPort } of ports) expect(String(containerPort)).toBe(numbers[name]);
  expect(METRICS_HOST).toBe('0.0.0.0');
  for (const { labels, annotations } of pods) {
    if (labels['app.kubernetes.io/component'] === 'migrate') continue;
    expect(annotations?.['prometheus.io/port']).toBe(METRICS_PORT);
  }
});

test('workers are scaled by a query that the database answers', async () => {
  const [scaled] = (await readManifests()).filter(({ kind }) => kind === 'ScaledObject');
  const spec = scaled?.spec as { triggers: { metadata: { query: string } }[] } | undefined;
  const database = await createTestDatabase();
  onTestFinished(database.drop);
  const rows = await query(database.url, spec?.triggers[0]?.metadata.query ?? '');
  expect(rows.flatMap((row) => Object.values(row))).toEqual(['0']);
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

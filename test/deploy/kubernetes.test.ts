import { access, glob, readdir, readFile } from 'node:fs/promises';
import * as keda from '@kubernetes-models/keda/keda.sh/v1alpha1';
import * as apps from 'kubernetes-models/apps/v1';
import * as batch from 'kubernetes-models/batch/v1';
import * as networking from 'kubernetes-models/networking.k8s.io/v1';
import * as policy from 'kubernetes-models/policy/v1';
import * as core from 'kubernetes-models/v1';
import { expect, onTestFinished, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { variableNames } from '../../src/config.ts';
import { problemsOf } from '../support/config.ts';
import { environmentOf, readStages } from '../support/dockerfile.ts';
import { createTestDatabase, query } from '../support/postgres.ts';
import { expectCommandsOfScripts, expectPaths } from './commands.ts';

const kubernetes = 'deploy/kubernetes';

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

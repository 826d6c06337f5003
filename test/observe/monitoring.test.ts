import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { sync } from '../support/syncs.ts';
import { until } from '../support/until.ts';

const folder = join(import.meta.dirname, '../../deploy/monitoring');

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

/** The names of metrics in an expression of PromQL. */
const namesIn = (expression: string) => expression.match(/\b(?:sidecar|nodejs|process)_\w+/g) ?? [];

async function expressions(): Promise<string[]> {
  const dashboard = JSON.parse(await readFile(join(folder, 'dashboard.json'), 'utf8')) as {
    panels: { targets: { expr: string }[] }[];
  };
  const alerts = parse(await readFile(join(folder, 'alerts.yaml'), 'utf8')) as {
    groups: { rules: { expr: string }[] }[];
  };
  return [
    ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...alerts.groups.flatMap(({ rules }) => rules.map(({ expr }) => expr)),
  ];
}

/** The labels that it groups by; `instance` comes from Prometheus itself. */
const labelsIn = (expression: string) =>
  [...expression.matchAll(/\bby \(([^)]*)\)/g)]
    .flatMap(([, labels = '']) => labels.split(',').map((label) => label.trim()))
    .filter((label) => label !== 'instance');

test('every metric of the dashboard and of the alerts is served, with the labels that they go by', async () => {
  await sync(server.client, server.exports.serve(await exportOf([dialogue('counted')])).url);
  const missing = async () => {
    const answer = await fetch(`${server.url}/metrics`, { headers: { 'x-api-key': server.apiKey } });
    const lines = (await answer.text()).split('\n');
    return (await expressions()).filter((expression) =>
      namesIn(expression).some((name) => {
        const series = lines.filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
        const isLabelled = (line: string) =>
          labelsIn(expression).every((label) => line.includes(`${label}="`));
        return !series.some(isLabelled);
      }),
    );
  };
  expect((await expressions()).length).toBeGreaterThan(10);
  // An ending is counted a moment after the task's row tells of it.
  await until('all of them are served', async () => (await missing()).length === 0).catch(() => undefined);
  expect(await missing()).toEqual([]);
});

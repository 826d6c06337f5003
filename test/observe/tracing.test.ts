import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { dataDirOf } from '../support/account.ts';
import { type Collector, startCollector } from '../support/collector.ts';
import { exportOf } from '../support/exports.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { runScript } from '../support/programs.ts';
import { backends, startTestServer, type TestServer } from '../support/server.ts';
import { startMutation, untilOver } from '../support/syncs.ts';

/** As a client sends it that traces, too (w3.org/TR/trace-context). */
const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT_ID = '00f067aa0ba902b7';

describe.each(backends)('With a collector, on the %s back end', (backend) => {
  // Its database, queue and exports; the processes under test are others, for tracing belongs to a process.
  let stage: TestServer;
  let collector: Collector;
  beforeAll(async () => {
    [stage, collector] = await Promise.all([startTestServer({ backend, worker: false }), startCollector()]);
  });
  afterAll(async () => {
    await stage.close();
    await collector.close();
  });

  test('what a client asks for is one trace from the API over the queue to the worker', async () => {
    const env = {
      DB_URL: stage.databaseUrl,
      REDIS_URL: stage.redisUrl ?? '',
      DATA_DIR: dataDirOf(stage.services),
      API_KEY: stage.apiKey,
      EXPORT_ALLOWED_HOSTS: stage.exports.host,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20of-the-collector',
      LOG_LEVEL: 'trace',
      PORT: '0',
    };
    const api = await runScript('start', [], env);
    const worker = backend === 'redis' ? await runScript('worker', [], env) : null;
    const [url] = await api.prints(/http:\/\/127\.0\.0\.1:\d+/);
    const exportUrl = stage.exports.serve(await exportOf([dialogue('traced')])).url;
    const post = (path: string, body: object) =>
      fetch(`${url}${path}`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'x-api-key': stage.apiKey,
          traceparent: `00-${TRACE_ID}-${PARENT_ID}-01`,
        },
        body: JSON.stringify(body),
      });
    const answer = await post('/graphql', { query: startMutation, variables: { exportUrl } });
    const { data } = (await answer.json()) as { data: { startSync: { id: string } } };
    await untilOver(stage.client, data.startSync.id);
    // What a schedule starts for years to come is no part of the request that set it.
    await post('/sync/config', { sync_enabled: true, chatgpt_export_url: exportUrl });
    const [job] = await delayedJobs(stage);
    expect(job).toMatchObject({ name: 'scheduledSync' });
    expect(JSON.stringify(job)).not.toContain(TRACE_ID);
    // What is ended sends what it still holds.
    for (const program of [api, worker]) program?.kill('SIGTERM');
    expect(await Promise.all([api.exited, worker?.exited ?? 0])).toEqual([0, 0]);

    const spans = collector.spans.filter(({ traceId }) => traceId === TRACE_ID);
    const request = spans.find(({ name }) => name === 'POST /graphql');
    expect(request).toMatchObject({ service: 'sidecar-api', parentSpanId: PARENT_ID });
    const added = spans.find(({ parentSpanId }) => parentSpanId === request?.spanId);
    expect(added?.service).toBe('sidecar-api');
    const processed = spans.find(({ name }) => name.startsWith('process'));
    expect(processed).toMatchObject({
      service: backend === 'redis' ? 'sidecar-worker' : 'sidecar-api',
      parentSpanId: added?.spanId,
    });
    expect(collector.authorizations).toEqual(new Set(['Bearer of-the-collector']));
    expect(api.stdout() + (worker?.stdout() ?? '')).not.toContain('of-the-collector');
  });
});

/** As the page of the queue shows them. */
async function delayedJobs({ url, apiKey }: TestServer): Promise<object[]> {
  const answer = await fetch(`${url}/admin/queues/api/queues?activeQueue=sidecar&status=delayed`, {
    headers: { 'x-api-key': apiKey },
  });
  const { queues } = (await answer.json()) as { queues: { jobs: object[] }[] };
  return queues[0]?.jobs ?? [];
}

test('A collector that takes what it is sent and never answers keeps no program from ending well', async () => {
  const silent = createServer((socket) => socket.on('error', () => undefined).resume()).listen(
    0,
    '127.0.0.1',
  );
  await once(silent, 'listening');
  onTestFinished(() => void silent.close());
  const database = await createTestDatabase();
  onTestFinished(database.drop);
  const dataDir = await mkdtemp(join(tmpdir(), 'sidecar-silent-'));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  const api = await runScript('start', [], {
    DB_URL: database.url,
    DATA_DIR: dataDir,
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
    SHUTDOWN_GRACE_SECONDS: '6',
    PORT: '0',
  });
  const [url] = await api.prints(/http:\/\/127\.0\.0\.1:\d+/);
  await fetch(`${url}/healthz`);
  api.kill('SIGTERM');
  expect(await api.exited).toBe(0);
});

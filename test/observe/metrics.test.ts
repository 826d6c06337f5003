import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { claimTask } from '../../src/domain/sync/claim.ts';
import { openMetricsServer } from '../../src/infra/metrics-server.ts';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { startSync, statusSubscription, untilOver } from '../support/syncs.ts';
import { until } from '../support/until.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

async function scrape(apiKey = server.apiKey): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${server.url}/metrics`, { headers: { 'x-api-key': apiKey } });
  return { status: answer.status, text: await answer.text() };
}

/** The value of one series, by its name and labels as they are written. */
const sample = (text: string, series: string) =>
  Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.split(' ')[1],
  );

test('only an administrator sees the metrics of the API', async () => {
  const user = await server.asUser();
  expect((await fetch(`${server.url}/metrics`)).status).toBe(401);
  expect((await scrape(user.apiKey)).status).toBe(403);
  const { status, text } = await scrape();
  expect(status).toBe(200);
  for (const name of ['nodejs_eventloop_lag_p99_seconds', 'process_resident_memory_bytes'])
    expect(text).toContain(`\n${name} `);
  // A server that has just begun looks through its tables, and may keep connections busy for a moment.
  await until('nobody waits for a connection', async () => {
    const { text: now } = await scrape();
    const waiting = ['prisma', 'bulk'].map((pool) =>
      sample(now, `sidecar_database_connections{pool="${pool}",state="waiting"}`),
    );
    return waiting.every((count) => count === 0);
  });
});

test('an import is counted, and so is how it ended', async () => {
  const before = (await scrape()).text;
  const { id } = await startSync(
    server.client,
    server.exports.serve(await exportOf([dialogue('a'), dialogue('b')])).url,
  );
  const { counts } = await untilOver(server.client, id);
  const after = (await scrape()).text;
  const grown = (series: string) => sample(after, series) - sample(before, series);
  expect(grown('sidecar_import_conversations_total')).toBe(2);
  expect(grown('sidecar_import_messages_total')).toBe(counts.messagesAdded);
  expect(grown('sidecar_import_bytes_total')).toBeGreaterThan(100);
  // The row tells that it is over a moment before the worker counts it.
  await until('its end is counted', async () => {
    const ended = sample((await scrape()).text, 'sidecar_tasks_ended_total{lane="sync",status="COMPLETED"}');
    return ended === 1;
  });
  expect(sample(after, 'sidecar_tasks{lane="sync",state="waiting"}')).toBe(0);
});

test('a task that is given up before its work begins is counted, too', async () => {
  const { viewer } = await server.asUser();
  const [{ userId }, id] = [viewer, uuidv7()];
  // It ended four workers, without getting any further.
  await server.services.prisma.syncTask.create({
    data: { userId, id, trigger: 'MANUAL', source: 'deadly', fruitless: 4 },
  });
  expect(await claimTask(server.services, userId, id)).toBeNull();
  const { text } = await scrape();
  expect(sample(text, 'sidecar_tasks_ended_total{lane="sync",status="FAILED"}')).toBe(1);
});

test('requests are counted by the pattern of their route, never by their path', async () => {
  const secret = 'b25lLXBhdGg';
  await fetch(`${server.url}/sync/status/${secret}`, { headers: { 'x-api-key': server.apiKey } });
  await fetch(`${server.url}/nowhere/${secret}?key=${secret}`);
  const { text } = await scrape();
  expect(text).toContain('method="GET",route="/sync/status/:taskId",status="404"');
  expect(text).toContain('method="GET",route="other",status="404"');
  expect(text).not.toContain(secret);
});

test('operations are counted by field and outcome, whatever their clients call them', async () => {
  await server.client.request('query NobodyBoundsThis { viewer { displayName } }');
  const { text } = await scrape();
  expect(
    sample(text, 'sidecar_graphql_operations_total{field="viewer",type="query",outcome="ok"}'),
  ).toBeGreaterThan(0);
  expect(text).not.toContain('NobodyBoundsThis');
});

test('a subscription is counted while it is open', async () => {
  const waiting = await startTestServer({ backend: 'postgres', worker: false });
  try {
    const open = async () => {
      const { text } = await waiting.services.metrics.read();
      expect(sample(text, 'sidecar_tasks{lane="sync",state="waiting"}')).toBe(1);
      expect(sample(text, 'sidecar_oldest_waiting_task_seconds{lane="sync"}')).toBeGreaterThan(0);
      return sample(text, 'sidecar_graphql_subscriptions_open');
    };
    const { id } = await startSync(waiting.client, waiting.exports.serve('').url);
    const events = waiting.client.subscribe('sse', statusSubscription, { taskId: id });
    await events.next();
    expect(await open()).toBe(1);
    await events.return?.(undefined);
    await until('it is closed', async () => (await open()) === 0);
    // It lasted as long as somebody listened: that is no time of a request.
    const { text } = await waiting.services.metrics.read();
    expect(text).toMatch(/duration_seconds_count\{method="POST",route="\/graphql stream",status="200"\} 1/);
  } finally {
    await waiting.close();
  }
});

test('a port of their own serves the metrics without a key, and nothing else', async () => {
  const own = await openMetricsServer(server.services.metrics, { host: '127.0.0.1', port: 0 });
  try {
    const answer = await fetch(`http://127.0.0.1:${own.port}/metrics`);
    expect(answer.headers.get('content-type')).toContain('text/plain');
    expect(await answer.text()).toContain('sidecar_tasks{');
    expect((await fetch(`http://127.0.0.1:${own.port}/graphql`)).status).toBe(404);
  } finally {
    await own.close();
  }
});

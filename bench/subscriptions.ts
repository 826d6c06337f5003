import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { createApiKey } from '../src/domain/api-key.ts';
import { encodeId } from '../src/domain/global-id.ts';
import { announce, type Lease, writeTask } from '../src/domain/sync/lease.ts';
import { createTestClient, type TestClient, type Transport } from '../test/support/client.ts';
import { startHttpProcess } from './api/process.ts';
import { type BenchOptions, openStage, type Stage } from './import/stage.ts';
import { printTable } from './table.ts';

const USERS = 100;
const SUBSCRIPTIONS_OF_A_USER = 10;
/** Changes of a task, by one worker that reports ten times a second. */
const COMMITS = 200;
const COMMIT_INTERVAL_MS = 100;
const GOAL_MS = 100;
const PATIENCE_MS = 60_000;
const USERS_AT_ONCE = 5;
/** Long enough for everything that looks now and then to have looked. */
const REST_MS = 10_000;

const WATCH = `subscription Watch($taskId: ID!) {
  syncStatus(taskId: $taskId) { id status phase seq progress { fraction } counts { added } }
}`;

interface Watched {
  lease: Lease;
  client: (url: string) => TestClient;
}

/** Prints what 1,000 open subscriptions take, and how long a commit of a worker is on its way to its clients. */
export async function benchSubscriptions(options: BenchOptions): Promise<void> {
  const stage = await openStage(options);
  try {
    const watched = await Promise.all(Array.from({ length: USERS }, () => beginTask(stage)));
    const rows: string[][] = [];
    for (const transport of ['sse', 'websocket'] satisfies Transport[]) {
      rows.push(await measure(stage, options, transport, watched));
    }
    printTable(
      [
        options.backend,
        'open',
        'KiB each',
        'core at rest',
        'events',
        'p50 ms',
        'p95 ms',
        'max ms',
        `p95 <= ${GOAL_MS}`,
      ],
      rows,
    );
  } finally {
    await stage.close();
  }
}

/** A user with a task that a worker has begun. */
async function beginTask(stage: Stage): Promise<Watched> {
  const viewer = await stage.addUser();
  const [taskId, token] = [uuidv7(), randomUUID()];
  await stage.services.database.query(
    `INSERT INTO sync_tasks (user_id, id, trigger, status, phase, source, lease_token, heartbeat_at, started_at)
     VALUES ($1, $2, 'MANUAL', 'RUNNING', 'IMPORTING', 'bench', $3, now(), now())`,
    [viewer.userId, taskId, token],
  );
  const { key } = await createApiKey(stage.services, viewer, { name: 'bench', scopes: ['read'] });
  const { userId } = viewer;
  const lease = {
    ...{ userId, taskId, token, checkpoint: null, conversationsBefore: 0, beginsAnew: false },
    ...{ origin: null, fruitless: 0, retry: null },
  };
  return { lease, client: (url) => createTestClient(url, key) };
}

async function measure(
  stage: Stage,
  options: BenchOptions,
  transport: Transport,
  watched: Watched[],
): Promise<string[]> {
  const env = { ...stage.env, PORT: '0', RATE_LIMIT_FACTOR: '1' };
  const api = await startHttpProcess('server.ts', env, options.profileFolder);
  const clients: TestClient[] = [];
  try {
    const heard = new Map<string, number>();
    const latenciesMs: number[] = [];
    /** When the commit of a state was done, by task and seq. */
    const committedMs = new Map<string, number>();
    const watch = async (client: TestClient, taskId: string) => {
      const events = client.subscribe<{ syncStatus: { seq: number } }>(transport, WATCH, {
        taskId: encodeId('SyncTask', taskId),
      });
      for await (const { syncStatus } of events) {
        const atMs = performance.now();
        heard.set(taskId, (heard.get(taskId) ?? 0) + 1);
        const sinceMs = committedMs.get(`${taskId} ${syncStatus.seq}`);
        if (sinceMs !== undefined) latenciesMs.push(atMs - sinceMs);
      }
    };
    // One goes first, for all that is loaded with it belongs to no subscription.
    const first = watched[0];
    if (!first) throw new Error('nothing is watched');
    const open = ({ client, lease }: Watched, count: number) => {
      const connected = client(api.url);
      clients.push(connected);
      for (let index = 0; index < count; index += 1) watch(connected, lease.taskId).catch(() => undefined);
    };
    const allHeard = () => [...heard.values()].reduce((sum, count) => sum + count, 0);
    const untilHeard = async (count: number) => {
      for (const deadlineMs = performance.now() + PATIENCE_MS; allHeard() < count; await delay(20)) {
        if (performance.now() > deadlineMs) throw new Error(`${allHeard()} of ${count} events came`);
      }
    };
    open(first, 1);
    await untilHeard(1);
    const before = await api.residentBytes();
    open(first, SUBSCRIPTIONS_OF_A_USER - 1);
    for (const [index, each] of watched.entries()) {
      if (index > 0) open(each, SUBSCRIPTIONS_OF_A_USER);
      // As they come in the course of a day: opening is not what is measured.
      if (index % USERS_AT_ONCE === 0) await untilHeard((index + 1) * SUBSCRIPTIONS_OF_A_USER);
    }
    const subscriptions = watched.length * SUBSCRIPTIONS_OF_A_USER;
    await untilHeard(subscriptions);
    const after = await api.residentBytes();
    const restedFrom = await api.cpuSeconds();
    await delay(REST_MS);
    const restShare = ((await api.cpuSeconds()) - restedFrom) / (REST_MS / 1_000);

    for (let commit = 0; commit < COMMITS; commit += 1) {
      const lease = watched[commit % watched.length]?.lease ?? first.lease;
      const seq = await writeTask(stage.services.database, lease, { fraction: commit / COMMITS });
      committedMs.set(`${lease.taskId} ${seq}`, performance.now());
      await announce(stage.services, lease, seq);
      await delay(COMMIT_INTERVAL_MS);
    }
    await untilHeard(subscriptions + COMMITS * SUBSCRIPTIONS_OF_A_USER);
    const sorted = latenciesMs.toSorted((a, b) => a - b);
    const quantile = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
    return [
      transport,
      String(subscriptions),
      ((after - before) / (subscriptions - 1) / 1_024).toFixed(1),
      `${(restShare * 100).toFixed(0)} %`,
      String(sorted.length),
      quantile(0.5).toFixed(0),
      quantile(0.95).toFixed(0),
      quantile(1).toFixed(0),
      quantile(0.95) <= GOAL_MS ? 'met' : 'not met',
    ];
  } finally {
    for (const client of clients) await client.close();
    await api.stop();
  }
}

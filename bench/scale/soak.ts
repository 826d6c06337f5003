import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { serveFile } from '../../src/cli/serve-file.ts';
import { createApiKey } from '../../src/domain/api-key.ts';
import { encodeId } from '../../src/domain/global-id.ts';
import { startSync } from '../../src/domain/sync/task.ts';
import { createTestClient } from '../../test/support/client.ts';
import { startHttpProcess } from '../api/process.ts';
import { exportOf } from '../import/exports.ts';
import type { BenchOptions, Stage } from '../import/stage.ts';
import { mebibytes, printTable } from '../table.ts';

const EXPORT_MB = 1;
const USERS_AT_ONCE = 5;
const SUBSCRIPTIONS_OF_A_USER = 4;
/** After so many rounds everything that is loaded once is loaded. */
const WARM_ROUNDS = 5;
const ROUNDS = 40;
/** From half of the way to its end; less is what an allocator does by itself. */
const MAX_GROWTH = 1.1;
const WATCH = 'subscription ($taskId: ID!) { syncStatus(taskId: $taskId) { status seq } }';

interface Sample {
  apiBytes: number;
  workerBytes: number;
  connections: number;
  files: number;
  subscriptions: number;
}

/**
 * Prints what the API and a worker hold, warm and after many more rounds of imports that are watched over SSE and
 * WebSockets: memory, connections to PostgreSQL, temporary files, and open subscriptions. Throws when memory goes on
 * growing or any of the last three is left behind.
 */
export async function measureSoak(stage: Stage, options: BenchOptions): Promise<void> {
  const file = await exportOf(EXPORT_MB);
  await stage.reset();
  // A cancelled import leaves its archive for a while, in case it is gone on with.
  const filesBefore = await temporaryFiles(stage);
  const server = await serveFile(file.path);
  const worker = await stage.startWorker();
  const adminKey = `soak_${'k'.repeat(32)}`;
  const api = await startHttpProcess(
    'server.ts',
    { ...stage.env, PORT: '0', API_KEY: adminKey },
    options.profileFolder,
  );
  try {
    const round = async () => {
      await Promise.all(
        Array.from({ length: USERS_AT_ONCE }, () => importWatched(stage, api.url, server.url)),
      );
    };
    const sample = async (): Promise<Sample> => ({
      apiBytes: await api.residentBytes(),
      workerBytes: (await worker.usage()).residentBytes,
      connections: await connectionsOf(stage),
      files: (await temporaryFiles(stage)) - filesBefore,
      subscriptions: await openSubscriptions(api.url, adminKey),
    });
    for (let turn = 0; turn < WARM_ROUNDS; turn += 1) await round();
    const warm = await sample();
    for (let turn = 0; turn < ROUNDS / 2; turn += 1) await round();
    const half = await sample();
    for (let turn = 0; turn < ROUNDS / 2; turn += 1) await round();
    const end = await sample();

    const line = (name: string, rounds: number, each: Sample) => [
      name,
      String(rounds * USERS_AT_ONCE),
      mebibytes(each.apiBytes),
      mebibytes(each.workerBytes),
      String(each.connections),
      String(each.files),
      String(each.subscriptions),
    ];
    printTable(
      ['soak', 'imports', 'API MiB', 'worker MiB', 'connections', 'temporary files', 'subscriptions'],
      [
        line('warm', WARM_ROUNDS, warm),
        line('half', WARM_ROUNDS + ROUNDS / 2, half),
        line('end', WARM_ROUNDS + ROUNDS, end),
      ],
    );
    for (const which of ['apiBytes', 'workerBytes'] as const) {
      if (end[which] > half[which] * MAX_GROWTH)
        throw new Error(`${which} grew from half of the way to its end`);
    }
    if (end.subscriptions > 0 || end.files > 0 || end.connections > warm.connections + 2) {
      throw new Error('something was left behind');
    }
  } finally {
    await api.stop();
    await worker.stop();
    server.close();
  }
}

/** A new user imports and watches the task in several places until it is over. */
async function importWatched(stage: Stage, apiUrl: string, exportUrl: string): Promise<void> {
  const viewer = await stage.addUser();
  const { key } = await createApiKey(stage.services, viewer, { name: 'soak', scopes: ['read'] });
  const { id } = await startSync(stage.services, viewer, { exportUrl });
  const client = createTestClient(apiUrl, key);
  const watch = async (transport: 'sse' | 'websocket') => {
    let last = '';
    const events = client.subscribe<{ syncStatus: { status: string } }>(transport, WATCH, {
      taskId: encodeId('SyncTask', id),
    });
    for await (const { syncStatus } of events) last = syncStatus.status;
    if (last !== 'COMPLETED') throw new Error(`an import was last seen as ${last}`);
  };
  await Promise.all(
    Array.from({ length: SUBSCRIPTIONS_OF_A_USER }, (_, index) =>
      watch(index % 2 === 0 ? 'sse' : 'websocket'),
    ),
  );
  await client.close();
}

async function connectionsOf({ services }: Stage): Promise<number> {
  const [row] = await services.database.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database()`,
  );
  return row?.count ?? 0;
}

/** Archives and uploads in the data folder; those of finished imports are to be gone. */
async function temporaryFiles({ env }: Stage): Promise<number> {
  const counts = await Promise.all(
    ['archives', 'uploads'].map(async (name) => (await readdir(join(env.DATA_DIR ?? '', name))).length),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

async function openSubscriptions(apiUrl: string, apiKey: string): Promise<number> {
  const answer = await fetch(`${apiUrl}/metrics`, { headers: { 'x-api-key': apiKey } });
  const value = /^sidecar_graphql_subscriptions_open\S* (\d+)/m.exec(await answer.text())?.[1];
  if (value === undefined) throw new Error('the metric of open subscriptions is missing');
  return Number(value);
}

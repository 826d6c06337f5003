import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, type TestContext } from 'vitest';
import { type GeneratedExport, generateExport } from '../../bench/generator/index.ts';
import { dataDirOf, dumpContent, listBelow } from '../support/account.ts';
import { type Backend, startTestServer, type TestServer, type TestServerOptions } from '../support/server.ts';
import { statusQuery, sync, type TaskAnswer } from '../support/syncs.ts';
import { until } from '../support/until.ts';
import { startWorkerProcess, type WorkerProcess } from '../support/worker-process.ts';

/** A worker that died is known to be dead within this, and its job goes on. */
export const RECOVERY_MS = 30_000;

/** The export that workers break off at, and what it holds; there once the file's tests run. */
export let large: Buffer;
export let facts: GeneratedExport;

/** Makes the export for the tests of a file. */
export function makeExport(): void {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sidecar-faults-'));
    const path = join(folder, 'export.zip');
    facts = await generateExport({ path, targetBytes: 8_000_000, seed: 5 });
    large = await readFile(path);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
}

export interface Stage {
  server: TestServer;
  databaseUrl: string;
  /** Another worker in a process of its own. */
  work(): Promise<WorkerProcess>;
  task(id: string): Promise<TaskAnswer>;
}

/** A server without a worker; whatever is started goes with the test. */
export async function setStage(
  { onTestFinished }: TestContext,
  options: Partial<TestServerOptions> & { backend: Backend },
): Promise<Stage> {
  const server = await startTestServer({ worker: false, ...options });
  const workers: WorkerProcess[] = [];
  onTestFinished(async () => {
    for (const worker of workers) await worker.kill();
    await server.close();
  });
  const databaseUrl = options.env?.DB_URL ?? server.databaseUrl;
  return {
    server,
    databaseUrl,
    async work() {
      const worker = await startWorkerProcess({
        DB_URL: databaseUrl,
        REDIS_URL: server.redisUrl ?? '',
        DATA_DIR: dataDirOf(server.services),
        API_KEY: server.apiKey,
        EXPORT_ALLOWED_HOSTS: server.exports.host,
      });
      workers.push(worker);
      return worker;
    },
    async task(id) {
      return (await server.client.request<{ syncStatus: TaskAnswer }>(statusQuery, { taskId: id }))
        .syncStatus;
    },
  };
}

/** That a task brought in all of the large export, once, and just as an undisturbed import does. */
export async function expectClean({ server }: Stage, over: TaskAnswer) {
  expect(over).toMatchObject({
    status: 'COMPLETED',
    error: null,
    counts: {
      added: facts.conversations,
      updated: 0,
      unchanged: 0,
      skipped: 0,
      failed: 0,
      messagesAdded: facts.messages,
    },
    progress: {
      fraction: 1,
      conversationsDone: facts.conversations,
      conversationsTotal: facts.conversations,
    },
  });
  const other = await server.asUser();
  const clean = await sync(other.client, server.exports.serve(large).url);
  expect(clean).toMatchObject({ status: 'COMPLETED', counts: over.counts });
  const dump = await dumpContent(server.services, server.viewer.userId);
  expect(dump).toEqual(await dumpContent(server.services, other.viewer.userId));
}

export async function untilNoArchive({ services }: TestServer): Promise<void> {
  const archives = join(dataDirOf(services), 'archives');
  await until('no archive is left', async () => (await listBelow(archives)).length === 0);
}

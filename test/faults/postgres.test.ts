import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findFreePort } from '../../src/infra/embedded-postgres/server.ts';
import { openEmbeddedPostgres } from '../../src/infra/embedded-postgres.ts';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import { holdImportsAfter } from '../support/gate.ts';
import { lockTable } from '../support/locks.ts';
import { quietLogger } from '../support/postgres.ts';
import { backends } from '../support/server.ts';
import { startSync, untilOver } from '../support/syncs.ts';
import { until } from '../support/until.ts';
import { expectClean, large, makeExport, RECOVERY_MS, setStage } from './stage.ts';

/** Statements of requests end after 30 s. */
const STATEMENT_MS = 60_000;

const historyQuery = '{ syncHistory(first: 1) { edges { node { id status } } } }';

makeExport();

describe.concurrent.each(backends)('On %s', { timeout: 240_000 }, (backend) => {
  test('C8: a PostgreSQL that restarts in the middle of a batch costs nothing', async (context) => {
    const directory = await mkdtemp(join(tmpdir(), 'sidecar-restart-'));
    context.onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const port = String(await findFreePort());
    const start = () =>
      openEmbeddedPostgres({ directory, logger: quietLogger, settings: { port, fsync: 'off' } });
    let postgres = await start();
    context.onTestFinished(() => postgres.close());
    const url = new URL(postgres.url);
    url.port = port;
    const stage = await setStage(context, { backend, env: { DB_URL: url.href } });
    const { server } = stage;
    const gate = await holdImportsAfter(url.href, 20);
    await stage.work();
    const { id } = await startSync(server.client, server.exports.serve(large).url);
    await until('it imports', () => gate.isWaitedFor());
    await postgres.close();
    postgres = await start();
    const over = await until(
      'it is over',
      async () => {
        const task = await stage.task(id).catch(() => null);
        return task?.status === 'COMPLETED' || task?.status === 'FAILED' ? task : null;
      },
      4 * RECOVERY_MS,
    );
    await expectClean(stage, over);
  });
});

test.concurrent('C9: requests that a lock holds up, or that find no connection, are refused without details, and a worker tries again', {
  timeout: 240_000,
}, async (context) => {
  const { server } = await setStage(context, { backend: 'redis' });
  const { id } = await startSync(
    server.client,
    server.exports.serve(await exportOf([dialogue('locked')])).url,
  );
  const lock = await lockTable(server.databaseUrl, 'sync_tasks');
  await server.startWorker();
  const ended: string[] = [];
  // Two more than there are connections.
  const asked = Array.from({ length: 12 }, async () => {
    const answer = await server.client.ask(historyQuery);
    ended.push(JSON.stringify(answer));
  });
  await until('those without a connection are refused', () => ended.length === 2, STATEMENT_MS);
  expect(await server.client.rest('GET', '/healthz')).toMatchObject({ status: 200 });
  await Promise.all(asked);
  const codes = ended.map((answer) => /"code":"(\w+)"/.exec(answer)?.[1]);
  expect(codes.slice(0, 2)).toEqual(['UNAVAILABLE', 'UNAVAILABLE']);
  expect(new Set(codes.slice(2))).toEqual(new Set(['INTERNAL']));
  for (const answer of ended) {
    expect(answer).toMatch(/"message":"Something [^"]+ quote the request id [\w-]+\."/i);
    expect(answer).not.toMatch(/timeout|canceling|sync_tasks|SELECT/i);
  }
  await until('the worker has failed', () => server.logged().includes('a job failed'), STATEMENT_MS);
  await lock.release();
  expect(await untilOver(server.client, id)).toMatchObject({ status: 'COMPLETED', counts: { added: 1 } });
  expect((await server.client.ask(historyQuery)).errors).toBeUndefined();
});

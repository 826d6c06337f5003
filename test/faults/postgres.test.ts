import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { outageOf } from '../../src/domain/outage.ts';
import { openDatabase } from '../../src/infra/database.ts';
import { openEmbeddedPostgres } from '../../src/infra/embedded-postgres.ts';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import { findFreePort } from '../support/free-port.ts';
import { holdImportsAfter } from '../support/gate.ts';
import { lockTable } from '../support/locks.ts';
import { createTestDatabase, quietLogger } from '../support/postgres.ts';
import { backends } from '../support/server.ts';
import { startSync, untilOver } from '../support/syncs.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
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

test.concurrent('C9: a database that stands still is waited for as long as for a statement', {
  timeout: 120_000,
}, async ({ onTestFinished }) => {
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  const proxy = await startTcpProxy(url);
  onTestFinished(proxy.close);
  const throughProxy = new URL(url);
  throughProxy.port = new URL(proxy.url).port;
  const { prisma, database, close } = openDatabase({ url: throughProxy.href });
  onTestFinished(close);
  const ask = () => [
    database.query('SELECT 1'),
    database.transaction((tx) => tx.query('SELECT 1')),
    prisma.user.count(),
  ];
  await Promise.all(ask());
  proxy.silence();
  // Were it as long as for bulk loads, the test would be over before.
  const answers = await Promise.allSettled(ask());
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 'rejected'));
  for (const answer of answers) expect(outageOf('reason' in answer && answer.reason)).not.toBeNull();
  await Promise.all(ask());
});

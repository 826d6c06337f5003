import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { localId } from '../src/domain/global-id.ts';
import { recordProblems } from '../src/domain/import/problems.ts';
import { claimTask } from '../src/domain/sync/claim.ts';
import { holdsTask, type Lease, LeaseLostError, releaseTask, writeTask } from '../src/domain/sync/lease.ts';
import { openReporter } from '../worker/reporter.ts';
import { dialogue } from './archive/builders.ts';
import { exportOf } from './support/exports.ts';
import { startTestServer, type TestServer } from './support/server.ts';
import { startSync } from './support/syncs.ts';
import { until } from './support/until.ts';

let server: TestServer;
let lease: Lease;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres', worker: false });
});
afterAll(() => server.close());

beforeEach(async () => {
  const user = await server.asUser();
  const { url } = server.exports.serve(await exportOf([dialogue('leased')]));
  const { id } = await startSync(user.client, url);
  const claimed = await claimTask(server.services, user.viewer.userId, localId('SyncTask', id));
  if (!claimed) throw new Error('the task could not be claimed');
  lease = claimed;
});

const row = () =>
  server.services.prisma.syncTask.findFirstOrThrow({ where: { userId: lease.userId, id: lease.taskId } });

test('A task that is handed back waits again, and whoever watches is told', async () => {
  const { services } = server;
  const seq = await writeTask(services.database, lease, {
    phase: 'IMPORTING',
    perSecond: 5,
    etaSeconds: 60,
  });
  // What was told before may still arrive.
  const heard: (number | undefined)[] = [];
  const stop = await services.events.listen('syncTask', lease.userId, (event) => heard.push(event?.seq));
  await releaseTask(services, lease);
  await until('the change is told', () => heard.includes(seq + 1));
  await stop();
  expect(await row()).toMatchObject({
    status: 'QUEUED',
    phase: 'WAITING',
    perSecond: null,
    etaSeconds: null,
    attempt: 0,
  });
  expect(await holdsTask(services, lease)).toBe(false);
});

test('Asking whether a task is still held renews a heartbeat that has grown old, and only such a one', async () => {
  const { services } = server;
  const before = await row();
  expect(await holdsTask(services, lease)).toBe(true);
  expect((await row()).heartbeatAt).toEqual(before.heartbeatAt);
  await services.database.query(
    `UPDATE sync_tasks SET heartbeat_at = now() - interval '1 hour' WHERE user_id = $1 AND id = $2`,
    [lease.userId, lease.taskId],
  );
  expect(await holdsTask(services, lease)).toBe(true);
  const after = await row();
  expect(Number(after.heartbeatAt)).toBeGreaterThanOrEqual(Number(before.heartbeatAt));
  expect(after.seq).toBe(before.seq);
});

test('Every phase is written, also while other progress waits to be, and what says nothing new is not', async () => {
  let lost: Error | null = null;
  const reporter = openReporter(server.services, lease, (error) => {
    lost = error;
  });
  for (const phase of ['DOWNLOADING', 'READING', 'IMPORTING', 'INDEXING'] as const) {
    reporter.bytes(1, 2);
    await reporter.enter(phase, 0, 0);
    expect((await row()).phase).toBe(phase);
  }
  const { seq } = await row();
  await reporter.enter('INDEXING', 0, 0);
  expect((await row()).seq).toBe(seq);
  await reporter.close();
  expect(lost).toBeNull();
  await releaseTask(server.services, lease);
  const refused = openReporter(server.services, lease, (error) => {
    lost = error;
  });
  await refused.enter('READING', 0, 0);
  expect(lost).toBeInstanceOf(LeaseLostError);
  await refused.close();
});

test('A run that gets further than any before is not fruitless, and one that only gets as far is', async () => {
  const { services } = server;
  const { userId, taskId } = lease;
  const reach = async (fraction: number) => {
    const next = await claimTask(services, userId, taskId);
    if (!next) throw new Error('the task could not be claimed');
    await writeTask(services.database, next, { phase: 'DOWNLOADING', fraction });
    const { fruitless } = await row();
    return fruitless;
  };
  expect([await reach(0.05), await reach(0.1), await reach(0.1), await reach(0.1)]).toEqual([0, 0, 1, 2]);
  expect([await reach(0.12), await reach(0.11)]).toEqual([0, 1]);
});

test('Many warnings are kept once, and beyond a thousand of them it is told how many more there were', async () => {
  const { services } = server;
  const { userId, taskId } = lease;
  const warning = (index: number) => ({
    outcome: 'WARNING' as const,
    code: 'ENTRY_REFUSED',
    reason: `name ${index}`,
  });
  const refused = Array.from({ length: 1_500 }, (_, index) => warning(index));
  await recordProblems(services, lease, refused.slice(0, 900));
  await recordProblems(services, lease, refused.slice(0, 900));
  expect(await services.prisma.syncProblem.count({ where: { userId, taskId } })).toBe(900);
  await recordProblems(services, lease, [...refused, { ...warning(1), outcome: 'FAILED', code: 'BROKEN' }]);
  await recordProblems(services, lease, [warning(2_000)]);
  const kept = await services.prisma.syncProblem.findMany({
    where: { userId, taskId },
    orderBy: { ordinal: 'asc' },
  });
  expect(kept.map(({ code }) => code)).toEqual([
    ...Array.from({ length: 1_000 }, () => 'ENTRY_REFUSED'),
    'BROKEN',
    'MORE_WARNINGS',
  ]);
  expect(kept.at(-1)?.reason).toMatch(/^501 more warnings/);
});

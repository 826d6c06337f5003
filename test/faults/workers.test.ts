import { v7 as uuidv7 } from 'uuid';
import { describe, expect, test } from 'vitest';
import { localId } from '../../src/domain/global-id.ts';
import { emptyTally, prepareBatch } from '../../src/domain/import/batch.ts';
import { recordProblems } from '../../src/domain/import/problems.ts';
import { writeBatch } from '../../src/domain/import/write.ts';
import { claimTask } from '../../src/domain/sync/claim.ts';
import { finishTask } from '../../src/domain/sync/finish.ts';
import { LeaseLostError, writeTask } from '../../src/domain/sync/lease.ts';
import { jobIdOf } from '../../src/domain/sync/task.ts';
import { endRun } from '../../worker/guard.ts';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import { holdImportsAfter } from '../support/gate.ts';
import { backends } from '../support/server.ts';
import {
  startMutation,
  startSync,
  statusSubscription,
  type TaskAnswer,
  untilOver,
} from '../support/syncs.ts';
import { until } from '../support/until.ts';
import { expectClean, facts, large, makeExport, RECOVERY_MS, setStage, untilNoArchive } from './stage.ts';

makeExport();

describe.concurrent.each(backends)('On %s', { timeout: 240_000 }, (backend) => {
  test('C1: an import whose worker is killed again and again goes on each time', async (context) => {
    const stage = await setStage(context, { backend });
    const { server } = stage;
    const file = server.exports.serve(large);
    const { id } = await startSync(server.client, file.url);
    const states: TaskAnswer[] = [];
    const watched = (async () => {
      const events = server.client.subscribe<{ syncStatus: TaskAnswer }>('sse', statusSubscription, {
        taskId: id,
      });
      for await (const { syncStatus } of events) states.push(syncStatus);
    })();
    for (const committed of [20, 200]) {
      const gate = await holdImportsAfter(stage.databaseUrl, committed);
      const worker = await stage.work();
      await until(`the batch after ${committed} is being written`, () => gate.isWaitedFor(), RECOVERY_MS);
      await worker.kill();
      await gate.drop();
      await gate.open();
      const { counts, status } = await stage.task(id);
      expect(status).toBe('RUNNING');
      expect(counts.added).toBeGreaterThanOrEqual(committed);
      expect(counts.added).toBeLessThan(facts.conversations);
    }
    await stage.work();
    await watched;
    const over = await stage.task(id);
    expect(over.attempt).toBe(3);
    expect(states.at(-1)).toMatchObject({ status: 'COMPLETED', seq: over.seq });
    const fractions = states.map((state) => state.progress.fraction);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(file.answers).toEqual([200]);
    await expectClean(stage, over);
  });

  test('C2: a task that kills every worker ends with a reason', async (context) => {
    const stage = await setStage(context, { backend });
    const { server } = stage;
    const { id } = await startSync(
      server.client,
      server.exports.serve(await exportOf([dialogue('poison')])).url,
    );
    const gate = await holdImportsAfter(stage.databaseUrl, 0);
    for (;;) {
      const worker = await stage.work();
      const state = await until(
        'it begins once more or is over',
        async () => {
          if (await gate.isWaitedFor()) return 'begun';
          return (await stage.task(id)).status === 'FAILED' && 'over';
        },
        RECOVERY_MS,
      );
      if (state === 'over') break;
      await worker.kill();
      await gate.drop();
    }
    await gate.open();
    expect(await untilOver(server.client, id)).toMatchObject({
      status: 'FAILED',
      phase: 'DONE',
      // The first got as far as it ever does.
      attempt: 6,
      error: { code: 'WORKER_CRASHED', message: expect.stringContaining('4 times') },
    });
  });

  test('C3: a worker that is told to stop hands its task to the next one', async (context) => {
    const stage = await setStage(context, { backend });
    const { server } = stage;
    const file = server.exports.serve(large);
    const gate = await holdImportsAfter(stage.databaseUrl, 20);
    const worker = await stage.work();
    const { id } = await startSync(server.client, file.url);
    await until('it imports', () => gate.isWaitedFor());
    const stopped = worker.stop();
    await gate.open();
    expect(await stopped).toBe(0);
    const handed = await stage.task(id);
    expect(handed).toMatchObject({ status: 'QUEUED', attempt: 0, error: null });
    expect(handed.counts.added).toBeGreaterThan(0);
    await stage.work();
    const over = await untilOver(server.client, id);
    expect(over.attempt).toBe(1);
    expect(file.answers).toEqual([200]);
    await expectClean(stage, over);
  });

  test('C12: a worker that dies between download and import leaves the file to the next one', async (context) => {
    const stage = await setStage(context, { backend });
    const { server } = stage;
    const file = server.exports.serve(await exportOf([dialogue('fetched')]));
    const gate = await holdImportsAfter(stage.databaseUrl, 0, 'INSERT ON known_sources');
    const worker = await stage.work();
    const { id } = await startSync(server.client, file.url);
    await until('it has the file', () => gate.isWaitedFor());
    await worker.kill();
    await gate.drop();
    await gate.open();
    await stage.work();
    expect(await untilOver(server.client, id)).toMatchObject({
      status: 'COMPLETED',
      attempt: 2,
      counts: { added: 1 },
    });
    expect(file.answers).toEqual([200]);
    await untilNoArchive(server);
  });

  test('C15: neither a task that was not committed nor a job without a task leaves anything', async (context) => {
    const { server } = await setStage(context, { backend });
    const { queue, database } = server.services;
    const { userId } = server.viewer;
    const taskId = uuidv7();
    await queue.enqueue('sync', { userId, taskId }, jobIdOf(taskId));
    const { url } = server.exports.serve(await exportOf([dialogue('committed')]));
    const rows = async () => (await database.query('SELECT FROM sync_tasks')).length;
    await database.query('ALTER TABLE audit_events RENAME TO audit_events_away');
    expect((await server.client.ask(startMutation, { exportUrl: url })).errors).toHaveLength(1);
    expect(await rows()).toBe(0);
    await database.query('ALTER TABLE audit_events_away RENAME TO audit_events');
    const { id } = await startSync(server.client, url);
    await server.startWorker();
    expect(await untilOver(server.client, id)).toMatchObject({ status: 'COMPLETED', attempt: 1 });
    await until('no job is left', async () => !(await queue.isAlive(jobIdOf(taskId))));
    expect(server.logged()).not.toContain('a job failed');
    expect(await rows()).toBe(1);
  });

  test('C10: of two workers on one task the older is refused', async (context) => {
    const { server } = await setStage(context, { backend });
    const { services, viewer } = server;
    const { id } = await startSync(server.client, server.exports.serve('').url);
    const taskId = localId('SyncTask', id);
    const older = await claimTask(services, viewer.userId, taskId);
    const newer = await claimTask(services, viewer.userId, taskId);
    if (!older || !newer) throw new Error('The task could not be claimed.');
    const content = { bytes: Buffer.from(JSON.stringify(dialogue('fenced'))) };
    const elements = [{ shard: 'conversations.json', element: 0, content }];
    const batch = await prepareBatch(services, viewer.userId, elements);
    const change = { checkpoint: { shard: 'conversations.json', element: 1 } };
    const problem = { outcome: 'WARNING' as const, code: 'X', reason: 'x' };
    for (const write of [
      () => writeBatch(services, older, batch, change),
      () => writeTask(services.database, older, { tally: { ...emptyTally(), added: 7 } }),
      () => recordProblems(services, older, [problem]),
      () => finishTask(services, older),
    ]) {
      await expect(write()).rejects.toThrow(LeaseLostError);
    }
    // What else its run ended with is no matter of the queue, which would begin the task once more.
    const shutdown = new AbortController().signal;
    const refused = () => expect.unreachable('The task is not its own to end.');
    await endRun(services, older, new Error('timeout exceeded when trying to connect'), shutdown, {
      table: 'sync_tasks',
      logger: services.logger,
      mayRetry: true,
      release: refused,
      fail: refused,
    });
    expect(server.logged()).toContain('timeout exceeded when trying to connect');
    await writeBatch(services, newer, batch, change);
    expect(await finishTask(services, newer)).toBe('COMPLETED');
    expect(await untilOver(server.client, id)).toMatchObject({ status: 'COMPLETED', counts: { added: 1 } });
    expect(await claimTask(services, viewer.userId, taskId)).toBeNull();
  });
});

test.concurrent('C10: a worker that wakes while another does its task takes nothing from it', {
  timeout: 240_000,
}, async (context) => {
  const stage = await setStage(context, { backend: 'redis' });
  const { server } = stage;
  const file = server.exports.serve(large, { held: true });
  const { id } = await startSync(server.client, file.url);
  const frozen = await stage.work();
  await until('it downloads', async () => (await stage.task(id)).progress.bytesDone > 0);
  // Its event loop stands still, and the time of its lock runs out.
  process.kill(frozen.pid, 'SIGSTOP');
  await stage.work();
  await until('another one downloads', () => file.answers.length === 2, 2 * RECOVERY_MS);
  process.kill(frozen.pid, 'SIGCONT');
  await until('the first has noticed', () => frozen.logged().includes('is with another worker'));
  file.release();
  const over = await untilOver(server.client, id);
  expect(over.attempt).toBe(2);
  expect(file.answers).toEqual([200, 200]);
  await expectClean(stage, over);
});

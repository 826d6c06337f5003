import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { watchDeletion } from '../src/domain/chat/turn.ts';
import { NotFoundError } from '../src/domain/errors.ts';
import { LeaseLostError } from '../src/domain/lease.ts';
import type { ChatTurn } from '../src/generated/prisma/client.ts';
import { openDatabase } from '../src/infra/database.ts';
import { guardLease } from '../worker/guard.ts';
import { startTestServer } from './support/server.ts';
import { until } from './support/until.ts';

// Of the clock only what looks again and again: what waits for the database does so in real time.
beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

/** Services on pools of their own, of which one sees how many questions are open. */
async function setUp() {
  const server = await startTestServer({ backend: 'postgres', worker: false });
  onTestFinished(server.close);
  const { database, prisma, pools, close } = openDatabase({ url: server.databaseUrl });
  onTestFinished(close);
  return { services: { ...server.services, database, prisma }, pools };
}

test('the watch over a run asks whether it still holds the task, one question at a time', async () => {
  const { services, pools } = await setUp();
  const stop = new AbortController();
  const lease = { userId: randomUUID(), taskId: randomUUID(), token: randomUUID() };
  const release = guardLease(services, lease, stop, {
    table: 'sync_tasks',
    cancelEvent: 'syncCancel',
    idleMs: () => 0,
  });
  onTestFinished(release);
  // A database that answers none of them within five seconds.
  vi.advanceTimersByTime(5_000);
  expect(pools.bulk.totalCount).toBe(1);
  expect(await until('it is answered', () => stop.signal.reason)).toBeInstanceOf(LeaseLostError);
});

test('the watch over an answer asks whether its session is still there, one question at a time', async () => {
  const { services, pools } = await setUp();
  const turn = { userId: randomUUID(), sessionId: randomUUID(), ordinal: 0, createdAt: new Date() };
  const { deleted, close } = watchDeletion(services, turn as ChatTurn);
  onTestFinished(close);
  vi.advanceTimersByTime(25_000);
  expect(await until('it is answered', () => deleted.reason)).toBeInstanceOf(NotFoundError);
  expect(pools.prisma.totalCount).toBe(1);
});

import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeId, localId } from '../src/domain/global-id.ts';
import { cancelSync } from '../src/domain/sync/cancel.ts';
import { undoSync } from '../src/domain/sync/undo.ts';
import { dialogue } from './archive/builders.ts';
import type { TestClient, Transport } from './support/client.ts';
import { exportOf } from './support/exports.ts';
import { backends, startTestServer, type TestServer } from './support/server.ts';
import { startSync, statusSubscription, sync, type TaskAnswer } from './support/syncs.ts';

const transports: Transport[] = ['sse', 'websocket'];
const activity = 'subscription { syncActivity { id status seq } }';

describe.each(backends)('On %s', (backend) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ backend });
  });
  afterAll(() => server.close());

  function watch(client: TestClient, transport: Transport, taskId: string) {
    return client.subscribe<{ syncStatus: TaskAnswer }>(transport, statusSubscription, { taskId });
  }

  async function serveHeld(name: string) {
    const conversations = Array.from({ length: 30 }, (_, index) => dialogue(`${name}-${index}`));
    return server.exports.serve(await exportOf(conversations, { perShard: 10 }), { held: true });
  }

  test.each(transports)(
    'a subscription over %s tells each newer state once, to the end',
    async (transport) => {
      const { client } = await server.asUser();
      const file = await serveHeld(transport);
      const started = await startSync(client, file.url);
      expect(started).toMatchObject({ trigger: 'MANUAL', finishedAt: null, error: null });

      const events = watch(client, transport, started.id);
      const first = await events.next();
      file.release();
      const states = [first.value.syncStatus];
      for await (const { syncStatus } of events) states.push(syncStatus);

      const seqs = states.map((state) => state.seq);
      expect(seqs).toEqual([...new Set(seqs)].toSorted((a, b) => a - b));
      const fractions = states.map((state) => state.progress.fraction);
      expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
      expect(states[0]?.status).toMatch(/QUEUED|RUNNING/);
      expect(states.at(-1)).toMatchObject({
        status: 'COMPLETED',
        phase: 'DONE',
        attempt: 1,
        error: null,
        progress: { fraction: 1, conversationsDone: 30, conversationsTotal: 30, queuePosition: null },
        counts: { added: 30, updated: 0, unchanged: 0, skipped: 0, failed: 0, messagesAdded: 60 },
      });
    },
  );

  test.each(transports)(
    'who subscribes over %s to a task that is over gets its end at once',
    async (transport) => {
      const { client } = await server.asUser();
      const { url } = server.exports.serve(await exportOf([dialogue(`late-${transport}`)]));
      const { id, seq } = await sync(client, url);
      const states = [];
      for await (const { syncStatus } of watch(client, transport, id)) states.push(syncStatus);
      expect(states).toMatchObject([{ id, seq, status: 'COMPLETED', phase: 'DONE' }]);
    },
  );

  test('syncActivity tells of a task that runs already and of one that begins later', async () => {
    const { client } = await server.asUser();
    const first = await serveHeld('first');
    const running = await startSync(client, first.url);
    const events = client.subscribe<{ syncActivity: TaskAnswer }>('websocket', activity);
    const lastOf = async (taskId: string) => {
      for (;;) {
        const { value, done } = await events.next();
        if (done) throw new Error('syncActivity has no end of its own');
        if (value.syncActivity.id === taskId && value.syncActivity.status === 'COMPLETED') return;
      }
    };
    expect((await events.next()).value.syncActivity).toMatchObject({ id: running.id });
    first.release();
    await lastOf(running.id);

    const second = await serveHeld('second');
    const later = await startSync(client, second.url);
    expect((await events.next()).value.syncActivity).toMatchObject({ id: later.id });
    second.release();
    await lastOf(later.id);
    await events.return?.();
  });

  test.each(transports)(
    'over %s somebody else’s task is as unknown as one that does not exist',
    async (transport) => {
      const url = server.exports.serve(await exportOf([dialogue(`foreign-${transport}`)])).url;
      const { id } = await sync(server.client, url);
      const { client } = await server.asUser();
      for (const taskId of [id, 'nonsense']) {
        const events = client.subscribe(transport, statusSubscription, { taskId });
        await expect(events.next()).rejects.toThrow('No such sync task.');
      }
    },
  );
});

test('syncActivity tells of a task that began and ended unheard', async () => {
  const server = await startTestServer({ backend: 'postgres', worker: false });
  try {
    const { services, viewer, client } = server;
    const events = client.subscribe<{ syncActivity: TaskAnswer }>('sse', activity);
    const { id: waiting } = await startSync(
      client,
      server.exports.serve(await exportOf([dialogue('waiting')])).url,
    );
    expect((await events.next()).value.syncActivity).toMatchObject({ id: waiting });
    const unheard = uuidv7();
    await services.database.query(
      `INSERT INTO sync_tasks (user_id, id, trigger, status, phase, source, finished_at)
       VALUES ($1, $2, 'UPLOAD', 'COMPLETED', 'DONE', 'unheard.zip', now())`,
      [viewer.userId, unheard],
    );
    const { value } = await events.next();
    expect(value.syncActivity).toMatchObject({ id: encodeId('SyncTask', unheard), status: 'COMPLETED' });
    await events.return?.();
  } finally {
    await server.close();
  }
});

test('syncActivity tells of an old task that was undone unheard', async () => {
  const server = await startTestServer({ backend: 'postgres', worker: false });
  try {
    const { services, viewer, client } = server;
    const old = uuidv7();
    await services.database.query(
      `INSERT INTO sync_tasks (user_id, id, trigger, status, phase, source, finished_at)
       VALUES ($1, $2, 'UPLOAD', 'COMPLETED', 'DONE', 'old.zip', now() - interval '1 day')`,
      [viewer.userId, old],
    );
    const events = client.subscribe<{ syncActivity: TaskAnswer }>('sse', activity);
    const { id: waiting } = await startSync(
      client,
      server.exports.serve(await exportOf([dialogue('waiting')])).url,
    );
    expect((await events.next()).value.syncActivity).toMatchObject({ id: waiting });
    await cancelSync(services, viewer, localId('SyncTask', waiting));
    expect((await events.next()).value.syncActivity).toMatchObject({ id: waiting, status: 'CANCELLED' });

    const unheard = { ...services.events, publish: async () => undefined };
    await undoSync({ ...services, events: unheard }, viewer, old);
    const { value } = await events.next();
    expect(value.syncActivity).toMatchObject({ id: encodeId('SyncTask', old), status: 'UNDONE' });
    await events.return?.();
  } finally {
    await server.close();
  }
});

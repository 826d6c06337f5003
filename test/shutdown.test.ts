import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { Socket } from 'node:net';
import pg from 'pg';
import { expect, test } from 'vitest';
import { dialogue } from './archive/builders.ts';
import { exportOf } from './support/exports.ts';
import { lockTable } from './support/locks.ts';
import { startRedis } from './support/redis.ts';
import { startTestServer } from './support/server.ts';
import { startSync, statusSubscription, type TaskAnswer } from './support/syncs.ts';
import { until } from './support/until.ts';

test.concurrent('A server and a worker that lost Redis close without it', async () => {
  const redis = await startRedis();
  const server = await startTestServer({ backend: 'redis', redisUrl: redis.url });
  const file = server.exports.serve(await exportOf([dialogue('held')]), { held: true });
  const { id } = await startSync(server.client, file.url);
  const events = server.client.subscribe<{ syncStatus: TaskAnswer }>('websocket', statusSubscription, {
    taskId: id,
  });
  await until('a worker is at the task', async () => (await events.next()).value.syncStatus.startedAt);
  await redis.close();
  await until('the worker knows', () => lostConnections(server.logged()).has('worker'));
  // One that asks while Redis is away, and one that stops listening.
  const stop = server.services.events.listen('syncTask', 'unheard', () => undefined).catch(String);
  await events.return?.();
  await server.close();
  expect(await stop).toContain('Connection is closed');
});

test.concurrent('A server and a worker that come to nothing without Redis close', async () => {
  const redis = await startRedis();
  await redis.close();
  const server = await startTestServer({ backend: 'redis', redisUrl: redis.url });
  await until('both have tried', () => lostConnections(server.logged()).size >= 2);
  await server.close();
});

test.concurrent('A server closes though a WebSocket never answers its goodbye', async () => {
  const server = await startTestServer({ backend: 'postgres' });
  const { hostname, port } = new URL(server.url);
  const request = http.request({
    hostname,
    port,
    path: '/graphql',
    headers: {
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
      'sec-websocket-protocol': 'graphql-transport-ws',
    },
  });
  request.end();
  // Nobody reads it, let alone answers.
  const [, socket] = (await once(request, 'upgrade')) as [unknown, Socket];
  await server.close();
  socket.destroy();
});

test.concurrent('A worker that closes in the middle of what it looks for fails at none of it', async () => {
  const options = { backend: 'postgres', worker: false } as const;
  const [server, other] = await Promise.all([startTestServer(options), startTestServer(options)]);
  const lock = await lockTable(server.databaseUrl, 'sessions');
  await Promise.all([server.startWorker(), other.startWorker()]);
  await until('the worker looks for sessions that are over', () => lock.isWaitedFor());
  const closed = server.close();
  // One that need not wait is through by then, though it began later.
  await other.close();
  await lock.release();
  await closed;
  expect(server.logged()).not.toContain('could not be looked for');
});

test.concurrent('A job that a worker is just fetching when it closes is handed back', async () => {
  const server = await startTestServer({ backend: 'postgres', worker: false });
  const own = new pg.Client({ connectionString: server.databaseUrl });
  await own.connect();
  await own.query(`
    CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END $$;
    CREATE TRIGGER hold BEFORE UPDATE ON bullmq.job FOR EACH ROW WHEN (NEW.name = 'sync') EXECUTE FUNCTION hold();
    SELECT pg_advisory_lock(1)`);
  const file = server.exports.serve(await exportOf([dialogue('fetched')]), { held: true });
  await startSync(server.client, file.url);
  const worker = await server.startWorker();
  await until('the job is being fetched', async () => {
    const { rowCount } = await own.query(`SELECT FROM pg_locks JOIN pg_database d ON d.oid = database
       WHERE locktype = 'advisory' AND NOT granted AND objid = 1 AND datname = current_database()`);
    return rowCount !== 0;
  });
  const closed = worker.close();
  await own.query('SELECT pg_advisory_unlock(1)');
  await closed;
  const { rows } = await own.query('SELECT status, attempt FROM sync_tasks');
  expect(rows).toEqual([{ status: 'QUEUED', attempt: 0 }]);
  await own.end();
  await server.close();
});

/** The purposes of connections that the log has had trouble with. */
const lostConnections = (logged: string) =>
  new Set(Array.from(logged.matchAll(/"purpose":"(\w+)"/g), ([, purpose]) => purpose));

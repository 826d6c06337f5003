import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { openDatabase } from '../src/infra/database.ts';
import { openPostgresEvents } from '../src/infra/events/postgres-events.ts';
import { createTestDatabase, quietLogger } from './support/postgres.ts';
import { until } from './support/until.ts';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of cleanup.splice(0).reverse()) await step();
});

/** A way to PostgreSQL that can be cut and opened again. */
async function openWay(target: URL): Promise<{ url: string; cut(): Promise<void>; open(): Promise<void> }> {
  const sockets = new Set<Socket>();
  let server: Server;
  let port = 0;
  const open = async () => {
    server = createServer((client) => {
      const upstream = connect(Number(target.port), target.hostname);
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        sockets.add(from);
        from.on('error', () => to.destroy()).pipe(to);
      }
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  };
  const cut = async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    await closed;
  };
  await open();
  cleanup.push(cut);
  const url = new URL(target);
  url.host = `127.0.0.1:${port}`;
  return { url: url.href, cut, open };
}

test('events come back after a long outage, over one connection', async () => {
  const { url, drop } = await createTestDatabase();
  cleanup.push(drop);
  const { database, close } = openDatabase({ url });
  cleanup.push(close);
  const way = await openWay(new URL(url));
  const attempts: string[] = [];
  const logger = { ...quietLogger, warn: (_fields: object, message: string) => attempts.push(message) };
  const events = await openPostgresEvents(way.url, database, logger as unknown as typeof quietLogger);
  cleanup.push(events.close);
  const heard: unknown[] = [];
  await events.listen('syncTask', 'somebody', (payload) => heard.push(payload));

  await way.cut();
  const failed = () => attempts.filter((message) => message.includes('could not be made again')).length;
  await until('it has failed to reconnect several times', () => failed() >= 5);
  // Each failure leads to one further attempt; two for each would have made dozens by now.
  expect(failed()).toBeLessThan(10);
  await way.open();
  await until('it listens again', () => heard.includes(null));

  await events.publish('syncTask', 'somebody', { taskId: 'a', seq: 1 });
  await until('the event arrives', () => heard.length >= 2);
  expect(heard).toEqual([null, { taskId: 'a', seq: 1 }]);
  const connections = await database.query(
    `SELECT pid FROM pg_stat_activity WHERE application_name = 'sidecar-events' AND datname = current_database()`,
  );
  expect(connections).toHaveLength(1);
});

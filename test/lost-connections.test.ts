import { randomUUID } from 'node:crypto';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { openDatabase } from '../src/infra/database.ts';
import { HeardClient } from '../src/infra/heard-connections.ts';
import { openQueue, postgresQueueBackend } from '../src/infra/queue.ts';
import { openQueueWorker } from '../worker/queue-worker.ts';
import { createTestDatabase, quietLogger } from './support/postgres.ts';

test('a connection that ends in the moment in which it is there fails its caller alone', async () => {
  const uncaught = noteUncaught();
  const url = await startEndingServer({ endsEarly: () => true });
  const { database, prisma, close } = openDatabase({ url });
  onTestFinished(close);
  await expect(database.transaction((tx) => tx.query('SELECT 1'))).rejects.toThrow();
  await expect(prisma.$transaction((tx) => tx.$queryRaw`SELECT 1`)).rejects.toThrow();
  await expect(openWorkerOn(url)).rejects.toThrow();
  expect(uncaught).toEqual([]);
});

test('a connection for news forgets all listeners but its own, once nobody waits for news', () => {
  const client = new HeardClient();
  client.on('notification', () => expect.unreachable());
  client.on('error', () => expect.unreachable());
  client.removeAllListeners();
  expect(client.emit('notification')).toBe(false);
  expect(client.emit('error', new Error('lost'))).toBe(true);
});

test('a worker hears of jobs though its first connection for that ended in the moment in which it was there', async () => {
  const uncaught = noteUncaught();
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  // The one before is for questions, and shows that the queue is there.
  const way = await startEndingServer({ behind: url, endsEarly: (number) => number === 2 });
  const done = Promise.withResolvers<void>();
  const worker = await openWorkerOn(way, done.resolve);
  onTestFinished(() => worker.close());
  const queue = await openQueue(postgresQueueBackend(url), quietLogger);
  onTestFinished(queue.close);
  await queue.enqueue('sync', { userId: randomUUID(), taskId: randomUUID() }, 'job');
  await done.promise;
  expect(uncaught).toEqual([]);
});

test('a worker finds jobs though its connection for news was lost in the moment in which it began to listen', async () => {
  const uncaught = noteUncaught();
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  const lost = Promise.withResolvers<void>();
  const done = Promise.withResolvers<void>();
  const way = await startEndingServer({ behind: url, onListeningLost: lost.resolve });
  const worker = await openWorkerOn(way, done.resolve);
  onTestFinished(() => worker.close());
  await lost.promise;
  const queue = await openQueue(postgresQueueBackend(url), quietLogger);
  onTestFinished(queue.close);
  await queue.enqueue('sync', { userId: randomUUID(), taskId: randomUUID() }, 'job');
  await done.promise;
  expect(uncaught).toEqual([]);
});

test('a worker closes while PostgreSQL ends its connections', async () => {
  const uncaught = noteUncaught();
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  const worker = await openWorkerOn(await startEndingServer({ behind: url }));
  await worker.close();
  expect(uncaught).toEqual([]);
});

const openWorkerOn = (url: string, onJob: () => void = () => undefined) =>
  openQueueWorker(async () => onJob(), {}, postgresQueueBackend(url), quietLogger);

/** An error that nobody hears ends the program, and fails a run of the tests. */
function noteUncaught(): unknown[] {
  const uncaught: unknown[] = [];
  const note = (error: unknown) => uncaught.push(error);
  process.on('uncaughtException', note);
  onTestFinished(() => void process.off('uncaughtException', note));
  return uncaught;
}

/**
 * A PostgreSQL that is told to stop. Connections of these numbers it ends in the same breath in which it says that they are
 * ready; all else is of the one `behind` it, and ends when the client says goodbye, before that is heard.
 */
async function startEndingServer(options: {
  behind?: string;
  endsEarly?(number: number): boolean;
  /** Has the first connection that wants to listen refused that, and the second one end with the answer to it. */
  onListeningLost?(): void;
}): Promise<string> {
  const { behind, endsEarly = () => false, onListeningLost } = options;
  let listening = 0;
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  };
  let connections = 0;
  const server = createServer((client) => {
    keep(client);
    connections += 1;
    if (!behind || endsEarly(connections)) {
      client.once('data', () => client.end(Buffer.concat([isIn, isReady, isEnded])));
      return;
    }
    const { hostname, port } = new URL(behind);
    const upstream = connect(Number(port), hostname);
    keep(upstream);
    client.on('close', () => upstream.destroy());
    upstream.pipe(client);
    client.on('data', (chunk) => {
      if (chunk.toString('latin1', 0, 1) === GOODBYE) return client.end(isEnded);
      if (onListeningLost && chunk.toString('latin1', 0, 1) === QUESTION && chunk.includes(LISTEN)) {
        listening += 1;
        if (listening === 1) return client.end(isEnded);
        if (listening === 2) {
          upstream.unpipe(client).resume();
          upstream.once('data', (answer) => client.end(Buffer.concat([answer, isEnded]), onListeningLost));
        }
      }
      upstream.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const url = new URL(behind ?? 'postgresql://nobody@127.0.0.1/nothing');
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return url.href;
}

/** https://www.postgresql.org/docs/18/protocol-message-formats.html */
function message(type: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(4 + body.length);
  return Buffer.concat([Buffer.from(type), length, body]);
}

const GOODBYE = 'X';
const QUESTION = 'Q';
/** How BullMQ's question for news of jobs begins; that for its tables speaks of listening, too. */
const LISTEN = '-- Subscribe to the shared job';
const isIn = message('R', Buffer.alloc(4));
const isReady = message('Z', Buffer.from('I'));
const fields = ['SFATAL', 'VFATAL', 'C57P01', 'Mterminating connection due to administrator command'];
const isEnded = message('E', Buffer.from(`${fields.join('\0')}\0\0`));

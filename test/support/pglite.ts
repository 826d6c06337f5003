import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { PGlite } from '@electric-sql/pglite';
import { btree_gin } from '@electric-sql/pglite/contrib/btree_gin';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';
import { unaccent } from '@electric-sql/pglite/contrib/unaccent';
import { vector } from '@electric-sql/pglite-pgvector';

/**
 * A PostgreSQL with pgvector, which the run's own has not. It takes several connections, as one session behind them all
 * (hence `pgbouncer` in its URL), and no COPY. Its own socket server lets the messages of one statement be parted by those of another connection.
 */
export async function startPglite(): Promise<{ url: string; close(): Promise<void> }> {
  const db = await PGlite.create({ extensions: { vector, btree_gin, pg_trgm, unaccent } });
  const sockets = new Set<Socket>();
  const turns = createTurns();
  const server = createServer((socket) => {
    sockets.add(socket);
    const speak = async (bytes: Buffer) => {
      await turns.take(socket);
      const answer = Buffer.from(await db.execProtocolRaw(bytes));
      if (!socket.destroyed) socket.write(answer);
      // In a transaction, its state is T or E: nobody else may come in between.
      if (socket.destroyed || answer.at(-1) === IDLE) turns.give(socket);
    };
    let waiting: Buffer = Buffer.alloc(0);
    let isStarted = false;
    let speaking = Promise.resolve();
    socket.on('data', (chunk) => {
      waiting = Buffer.concat([waiting, chunk]);
      const end = isStarted ? endOfStatements(waiting) : lengthOfStart(waiting);
      if (end === 0) return;
      isStarted = true;
      const whole = waiting.subarray(0, end);
      waiting = waiting.subarray(end);
      speaking = speaking.then(() => speak(whole)).catch(() => void socket.destroy());
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      sockets.delete(socket);
      void speaking.then(async () => {
        if (turns.isWith(socket)) await db.execProtocolRaw(ROLLBACK);
        turns.give(socket);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `postgresql://postgres@127.0.0.1:${(server.address() as AddressInfo).port}/postgres?pgbouncer=true`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
      await db.close();
    },
  };
}

const IDLE = 'I'.charCodeAt(0);
const ROLLBACK = Buffer.from('Q\0\0\0\rROLLBACK\0', 'latin1');
/** Query and Sync, after which the server answers that it is ready, and Terminate. */
const LAST = new Set(['Q', 'S'].map((letter) => letter.charCodeAt(0)));

/** The first message has no letter in front. */
const lengthOfStart = (bytes: Buffer) =>
  bytes.length >= 4 && bytes.length >= bytes.readInt32BE(0) ? bytes.readInt32BE(0) : 0;

/** Where the last whole statement ends: a letter, a length, and what it counts with itself. */
function endOfStatements(bytes: Buffer): number {
  let end = 0;
  for (let at = 0; at + 5 <= bytes.length; ) {
    const next = at + 1 + bytes.readInt32BE(at + 1);
    if (next > bytes.length) break;
    if (LAST.has(bytes[at] ?? 0)) end = next;
    at = next;
  }
  return end;
}

/** Who may speak; the others wait in the order in which they came. */
function createTurns() {
  let holder: Socket | null = null;
  const queue: { socket: Socket; go: () => void }[] = [];
  return {
    isWith: (socket: Socket) => holder === socket,
    async take(socket: Socket) {
      if (holder === null) holder = socket;
      if (holder === socket) return;
      await new Promise<void>((go) => queue.push({ socket, go }));
    },
    give(socket: Socket) {
      if (holder !== socket) return;
      const next = queue.shift();
      holder = next?.socket ?? null;
      next?.go();
    },
  };
}

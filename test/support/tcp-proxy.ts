import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Transform } from 'node:stream';

export interface TcpProxy {
  /** Where it listens, whatever stands behind it. */
  url: string;
  /** Lets connections through to another server from now on. */
  lead(url: string): void;
  /** Ends every connection and refuses new ones, as a network that is gone does. */
  cut(): void;
  /** Lets new connections through again. */
  mend(): void;
  /** Lets nothing more through the connections that are open, and tells neither end. New ones work. */
  silence(): void;
  /** Lets no client send more than so many bytes over one connection, which stays open. `mend` ends that for new ones. */
  stallAfter(bytes: number): void;
  /** How much the server behind it has sent. */
  answeredBytes(): number;
  close(): Promise<void>;
}

/** A way to a server that fails on demand. */
export async function startTcpProxy(target: string): Promise<TcpProxy> {
  let upstream = new URL(target);
  let isOpen = true;
  let limit = Number.POSITIVE_INFINITY;
  let answered = 0;
  const pairs = new Set<[Socket, Socket]>();
  const cut = () => {
    isOpen = false;
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };
  const server = createServer((client) => {
    if (!isOpen) return client.destroy();
    const inner = connect(Number(upstream.port), upstream.hostname);
    const pair: [Socket, Socket] = [client, inner];
    pairs.add(pair);
    let sent = 0;
    // What came is let through, so that the server holds a part by the time the test cuts.
    const valve = new Transform({
      transform(chunk, _encoding, done) {
        sent += chunk.length;
        this.push(chunk);
        if (sent <= limit) done();
      },
    });
    client.pipe(valve).pipe(inner).pipe(client);
    inner.on('data', (chunk: Buffer) => {
      answered += chunk.length;
    });
    for (const socket of pair) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        pairs.delete(pair);
        for (const each of pair) each.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lead(url) {
      upstream = new URL(url);
    },
    cut,
    mend() {
      isOpen = true;
      limit = Number.POSITIVE_INFINITY;
    },
    silence() {
      for (const [client, inner] of pairs) {
        client.unpipe().pause();
        inner.unpipe(client).pause();
      }
    },
    stallAfter(bytes) {
      limit = bytes;
    },
    answeredBytes: () => answered,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      cut();
      await closed;
    },
  };
}

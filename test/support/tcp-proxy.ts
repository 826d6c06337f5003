import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

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
  /** Ends every connection once so many bytes went from clients to the server on one of them, and refuses new ones. */
  cutAfter(bytes: number): void;
  close(): Promise<void>;
}

/** A way to a server that fails on demand. */
export async function startTcpProxy(target: string): Promise<TcpProxy> {
  let upstream = new URL(target);
  let isOpen = true;
  let limit = Number.POSITIVE_INFINITY;
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
    client.on('data', (chunk) => {
      sent += chunk.length;
      if (sent > limit) cut();
    });
    client.pipe(inner).pipe(client);
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
        client.unpipe(inner).pause();
        inner.unpipe(client).pause();
      }
    },
    cutAfter(bytes) {
      limit = bytes;
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      cut();
      await closed;
    },
  };
}

import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import S3rver from 's3rver';
import { listBelow } from './account.ts';

export interface Hold {
  /** Requests that have come and are not through. */
  waiting(): number;
  /** Lets so many bytes of each answer through, counted from its beginning. */
  letThrough(bytes: number): void;
  release(): void;
}

export interface TestBucket {
  /** What a server is told to keep its files here. */
  env: Record<string, string>;
  /** The names of a user's objects. */
  objectsOf(userId: string): Promise<string[]>;
  /** Holds requests of a method: a PUT before the bucket hears of it, the answer to a GET on its way back. */
  hold(method: 'PUT' | 'GET'): Hold;
  close(): Promise<void>;
}

/** An S3-compatible store on loopback whose requests can be held. */
export async function startBucket(): Promise<TestBucket> {
  const directory = await mkdtemp(join(tmpdir(), 'sidecar-bucket-'));
  const store = new S3rver({
    address: '127.0.0.1',
    port: 0,
    silent: true,
    directory,
    configureBuckets: [{ name: 'sidecar', configs: [] }],
  });
  const { port } = await store.run();
  const holds = new Map<string, (bytes: number) => Promise<void>>();

  async function relay(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url, headers } = request;
    const passed = holds.get(method);
    const body = await buffer(request);
    if (method === 'PUT') await passed?.(body.length);
    const onward = send({ host: '127.0.0.1', port, method, path: url, headers });
    onward.end(body);
    const [answer] = (await once(onward, 'response')) as [IncomingMessage];
    const content = await buffer(answer);
    response.writeHead(answer.statusCode ?? 500, answer.headers);
    for (let sent = 0; sent < content.length; sent += PIECE_BYTES) {
      if (method === 'GET') await passed?.(sent + PIECE_BYTES);
      response.write(content.subarray(sent, sent + PIECE_BYTES));
    }
    response.end();
  }

  const gateway = createServer((request, response) => {
    relay(request, response).catch((error) => response.destroy(error));
  });
  gateway.listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  return {
    env: {
      S3_BUCKET: 'sidecar',
      S3_ENDPOINT: `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`,
      S3_ACCESS_KEY_ID: 'S3RVER',
      S3_SECRET_ACCESS_KEY: 'S3RVER',
    },
    async objectsOf(userId) {
      const names = await listBelow(join(directory, 'sidecar', userId));
      return names.filter((name) => name.endsWith('._S3rver_object'));
    },
    hold(method) {
      const changes = new EventEmitter().setMaxListeners(0);
      let open = 0;
      let waiting = 0;
      holds.set(method, async (bytes) => {
        waiting += 1;
        while (open < bytes) await once(changes, 'change');
        waiting -= 1;
      });
      const letThrough = (bytes: number) => {
        open = bytes;
        changes.emit('change');
      };
      return {
        waiting: () => waiting,
        letThrough,
        release() {
          holds.delete(method);
          letThrough(Number.POSITIVE_INFINITY);
        },
      };
    },
    async close() {
      gateway.close();
      gateway.closeAllConnections();
      await store.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

const PIECE_BYTES = 64 * 1024;

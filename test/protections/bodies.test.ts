import { request } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { untilOver } from '../support/syncs.ts';
import { until } from '../support/until.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres', env: { REQUEST_TIMEOUT_SECONDS: '1' } });
});
afterAll(() => server.close());

const places = ['/graphql', '/sync/config'] as const;

interface Answer {
  status: number;
  text: string;
}

/** Sends a body as `write` gives it, and answers whatever comes back, also before the body is whole. */
function send(
  path: string,
  headers: Record<string, string>,
  write: (piece: (bytes: Uint8Array | string) => void, end: () => void) => void,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `${server.url}${path}`,
      {
        method: 'POST',
        headers: { 'x-api-key': server.apiKey, 'content-type': 'application/json', ...headers },
      },
      (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('error', reject);
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, text });
          sent.destroy();
        });
      },
    );
    // The rest of a body that was refused finds its connection closed.
    sent.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') reject(error);
    });
    write(
      (bytes) => sent.write(bytes),
      () => sent.end(),
    );
  });
}

describe('A body', () => {
  test.each(places)('that is too large is refused by %s, whether it says so or not', async (path) => {
    const large = JSON.stringify({ query: `{ viewer { id } } #${'x'.repeat(300_000)}` });
    const told = await send(path, { 'content-length': String(large.length) }, (piece, end) => {
      piece(large);
      end();
    });
    expect(told.status).toBe(413);
    const untold = await send(path, {}, (piece, end) => {
      piece(large);
      end();
    });
    expect(untold.status).toBe(413);
    expect(told.text + untold.text).not.toContain('"data"');
  });

  test('that does not tell its length is read all the same', async () => {
    const answer = await send('/graphql', {}, (piece, end) => {
      piece('{"query": "{ viewer');
      piece(' { displayName } }"}');
      end();
    });
    expect(answer).toMatchObject({ status: 200, text: expect.stringContaining('"displayName"') });
  });

  test('of 25 MB that never seems to end is cut off', async () => {
    const megabyte = 'x'.repeat(1024 * 1024);
    const answer = await send('/graphql', {}, (piece) => {
      piece('{"query":"');
      for (let count = 0; count < 25; count += 1) piece(megabyte);
    });
    expect([408, 413]).toContain(answer.status);
  });

  test('that is compressed cannot grow: GraphQL takes none, and REST counts what comes out', async () => {
    const bomb = gzipSync(JSON.stringify({ query: 'x'.repeat(50_000_000) }));
    expect(bomb.length).toBeLessThan(100_000);
    const statuses: number[] = [];
    for (const path of places) {
      const headers = { 'content-encoding': 'gzip', 'content-length': String(bomb.length) };
      const { status } = await send(path, headers, (piece, end) => {
        piece(bomb);
        end();
      });
      statuses.push(status);
    }
    expect(statuses).toEqual([415, 413]);
  });

  test.each([...places, '/nowhere'])('that does not come ends the wait at %s', async (path) => {
    const answer = await send(path, { 'content-length': '100' }, (piece) => piece('{"query":'));
    expect(answer.status).toBe(path === '/nowhere' ? 404 : 408);
    expect(answer.text).toContain(path === '/nowhere' ? 'No such page' : 'did not arrive within 1 s');
  });

  test.each(places)('that trickles is not waited for at %s', async (path) => {
    let trickle: NodeJS.Timeout | undefined;
    const answer = await send(path, { 'content-length': '1000000' }, (piece) => {
      trickle = setInterval(() => piece(' '), 100);
    });
    clearInterval(trickle);
    expect([408, 413]).toContain(answer.status);
  });
});

test('Headers that do not come end the connection', async () => {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  let received = '';
  let isClosed = false;
  socket.on('data', (data) => {
    received += data;
  });
  socket.on('close', () => {
    isClosed = true;
  });
  socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ');
  await until('the connection is ended', () => isClosed);
  expect(received).toMatch(/^HTTP\/1\.1 408 /);
});

describe('An upload', () => {
  const zipHeaders = { 'content-type': 'application/zip' };

  test('that is slow but moves goes on for as long as it takes', async () => {
    const zip = await exportOf([dialogue('slow')]);
    // Five pieces with half the allowed pause between them: more than twice the time that a small body is given.
    const pieces = Array.from({ length: 5 }, (_, index) =>
      zip.subarray(Math.floor((index * zip.length) / 5), Math.floor(((index + 1) * zip.length) / 5)),
    );
    const answer = await send('/sync/upload', zipHeaders, (piece, end) => {
      const next = () => {
        const bytes = pieces.shift();
        if (!bytes) return end();
        piece(bytes);
        setTimeout(next, 500);
      };
      next();
    });
    expect(answer.status).toBe(202);
    const { task_id: taskId } = JSON.parse(answer.text);
    expect(await untilOver(server.client, taskId)).toMatchObject({
      status: 'COMPLETED',
      counts: { added: 1 },
    });
  });

  test('that was refused may not go on trickling', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    let received = '';
    let isClosed = false;
    socket.on('data', (data) => {
      received += data;
    });
    // What is written after the end finds nobody.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      isClosed = true;
    });
    socket.write(
      'POST /sync/upload HTTP/1.1\r\nHost: x\r\nContent-Type: application/zip\r\nContent-Length: 1000000\r\n\r\n',
    );
    const trickle = setInterval(() => socket.write('x'), 100);
    try {
      await until('the connection is ended', () => isClosed);
      expect(received).toMatch(/^HTTP\/1\.1 401 /);
    } finally {
      clearInterval(trickle);
      socket.destroy();
    }
  });

  test('that stands still is given up, and nothing of it stays', async () => {
    const answer = await send('/sync/upload', zipHeaders, (piece) => piece('PK'));
    expect(answer.status).toBe(408);
    const { total_syncs: total } = (await server.client.rest('GET', '/sync/history')).json as {
      total_syncs: number;
    };
    expect(total).toBe(1);
  });
});

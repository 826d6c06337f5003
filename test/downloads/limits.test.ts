import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { DownloadProgress } from '../../src/domain/services.ts';
import { archive, closers, failureOf, fetchWith, folder, serve, setStage, sha256 } from './stage.ts';

setStage();

test('D8: silence before or within an answer ends the download', async () => {
  const mute = await serve(() => undefined);
  const limits = { idleTimeoutMs: 150, maxAttempts: 2 };
  expect(await failureOf(mute.url, limits)).toMatchObject({ code: 'DOWNLOAD_STALLED', retryable: true });
  expect(mute.requests).toHaveLength(2);
  const stalling = await serve((_request, response) => {
    response.writeHead(200, { 'content-length': archive.length }).write(archive.subarray(0, 1000));
  });
  expect(await failureOf(stalling.url, limits)).toMatchObject({ code: 'DOWNLOAD_STALLED', retryable: true });
});

test('D8: headers or a body that come byte by byte end the download', async () => {
  const dripping = createTcpServer((socket) => {
    const text = `HTTP/1.1 200 OK\r\nx-padding: ${'a'.repeat(10_000)}`;
    let sent = 0;
    const timer = setInterval(() => socket.write(text.charAt(sent++)), 20);
    socket.on('error', () => undefined).on('close', () => clearInterval(timer));
  });
  dripping.listen(0, '127.0.0.1');
  await once(dripping, 'listening');
  closers.push(async () => dripping.close());
  const { port } = dripping.address() as AddressInfo;
  const limits = { idleTimeoutMs: 300, maxAttempts: 1 };
  expect(await failureOf(`http://127.0.0.1:${port}/secret`, limits)).toMatchObject({
    code: 'DOWNLOAD_STALLED',
  });

  const slow = await serve((_request, response) => {
    response.writeHead(200).write('PK\x03\x04');
    const timer = setInterval(() => response.write('x'), 20);
    response.on('close', () => clearInterval(timer));
  });
  const pace = { minBytesPerSecond: 5000, throughputWindowMs: 300, maxAttempts: 2 };
  expect(await failureOf(slow.url, pace)).toMatchObject({ code: 'DOWNLOAD_TOO_SLOW', retryable: true });
  const patience = { minBytesPerSecond: 1, totalTimeoutMs: 300 };
  expect(await failureOf(slow.url, patience)).toMatchObject({
    code: 'DOWNLOAD_TIMED_OUT',
    retryable: true,
    message: expect.stringContaining('upload it'),
  });
});

test('D9: an archive above the limit is refused, announced or not', async () => {
  const announced = await serve((_request, response) => {
    response.writeHead(200, { 'content-length': archive.length }).end(archive);
  });
  expect(await failureOf(announced.url, { maxArchiveBytes: 1e6 })).toMatchObject({
    code: 'ARCHIVE_TOO_LARGE',
    retryable: false,
  });
  const endless = await serve((_request, response) => {
    response.writeHead(200).write('PK\x03\x04');
    const send = () => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      response.once('drain', send);
    };
    send();
  });
  expect(await failureOf(endless.url, { maxArchiveBytes: 1e6 })).toMatchObject({ code: 'ARCHIVE_TOO_LARGE' });
  expect(endless.requests).toHaveLength(1);
});

test('D9: an answer shorter than announced is tried again, and a longer one ends where it was to end', async () => {
  const short = await serve((_request, response) => {
    response.writeHead(200, { 'content-length': archive.length }).write(archive.subarray(0, 1000), () => {
      response.socket?.end();
    });
  });
  expect(await failureOf(short.url, { maxAttempts: 2 })).toMatchObject({ retryable: true });
  expect(short.requests).toHaveLength(2);

  const long = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n');
      socket.end(archive.subarray(0, 5000));
    });
  });
  long.listen(0, '127.0.0.1');
  await once(long, 'listening');
  closers.push(async () => long.close());
  const { port } = long.address() as AddressInfo;
  const result = await fetchWith(`http://127.0.0.1:${port}/secret`);
  expect(result).toMatchObject({ bytes: 1000, sha256: sha256(archive.subarray(0, 1000)) });
});

test('D10: a compressed answer is refused instead of being blown up', async () => {
  const server = await serve((_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(10_000_000)));
  });
  expect(await failureOf(server.url)).toMatchObject({
    code: 'CONTENT_ENCODED',
    retryable: false,
    message: expect.stringContaining('upload it'),
  });
});

test('An aborted download stops with the reason of the signal, whatever it waits for', async () => {
  const reason = new Error('cancelled');
  const waitsForHeaders = await serve(() => controller.abort(reason));
  let controller = new AbortController();
  await expect(fetchWith(waitsForHeaders.url, {}, { signal: controller.signal })).rejects.toBe(reason);

  controller = new AbortController();
  const sending = await serve((_request, response) => {
    response.writeHead(200, { 'content-length': archive.length }).write(archive.subarray(0, 1000));
  });
  const onProgress = () => controller.abort(reason);
  await expect(fetchWith(sending.url, {}, { signal: controller.signal, onProgress })).rejects.toBe(reason);

  controller = new AbortController();
  const busy = await serve((_request, response) => {
    response.writeHead(503, { 'retry-after': '300' }).end(() => setImmediate(() => controller.abort(reason)));
  });
  await expect(fetchWith(busy.url, {}, { signal: controller.signal })).rejects.toBe(reason);

  const calm = await serve((_request, response) => response.end(archive));
  await expect(fetchWith(calm.url, {}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(calm.connections()).toBe(0);
  expect(await readdir(folder)).toEqual([]);
});

test('D2: who watches a download hears that it waits, at once and from time to time', async () => {
  const reason = new Error('heard enough');
  const controller = new AbortController();
  const busy = await serve((_request, response) => response.writeHead(503, { 'retry-after': '300' }).end());
  const heard: DownloadProgress[] = [];
  const onProgress = (progress: DownloadProgress) => {
    if (heard.push(progress) === 3) controller.abort(reason);
  };
  const fetching = fetchWith(busy.url, { waitingSignMs: 10 }, { signal: controller.signal, onProgress });
  await expect(fetching).rejects.toBe(reason);
  expect(heard).toEqual(Array(3).fill({ bytesDone: 0, bytesTotal: null }));
  expect(busy.requests).toHaveLength(1);
});

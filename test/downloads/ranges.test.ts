import { stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { archive, archiveSha256, cut, failureOf, fetchWith, folder, serve, setStage } from './stage.ts';

setStage();

const etag = '"v1"';
const startOf = (request: IncomingMessage) => Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1]);

/** A server that begins its file without saying its length and breaks off; `onRange` answers what is asked for then. */
const serveCut = (onRange: (response: ServerResponse, start: number) => unknown, firstBytes = 700_000) =>
  serve((request, response) => {
    const start = startOf(request);
    if (start >= 0) return onRange(response, start);
    cut(response.writeHead(200, { etag }), archive.subarray(0, firstBytes));
  });

/** Answers no more than `most` bytes at a time, and 416 behind the end. */
function sendCapped(response: ServerResponse, start: number, most: number, total: number | '*', end416 = {}) {
  if (start >= archive.length) return response.writeHead(416, end416).end();
  const end = Math.min(archive.length, start + most);
  const range = { etag, 'content-range': `bytes ${start}-${end - 1}/${total}` };
  response.writeHead(206, range).end(archive.subarray(start, end));
}

test('D3: an answer that brings less than its own range is no end of the file', async () => {
  const server = await serveCut((response, start) => {
    if (start >= archive.length) return response.writeHead(416).end();
    const range = `bytes ${start}-${archive.length - 1}/*`;
    const sent = archive.subarray(start, start + 900_000);
    response.writeHead(206, { etag, 'content-range': range }).end(sent);
  });
  expect(await fetchWith(server.url)).toMatchObject({ bytes: archive.length, sha256: archiveSha256 });
});

test.each([{}, { 'content-range': `bytes */${archive.length}` }])(
  'D3: where no answer tells the length, the file ends where its server has no more (%j)',
  async (end416) => {
    const server = await serveCut((response, start) => sendCapped(response, start, 600_000, '*', end416));
    expect(await fetchWith(server.url)).toMatchObject({ bytes: archive.length, sha256: archiveSha256 });
    expect(startOf(server.requests.at(-1) as IncomingMessage)).toBe(archive.length);
  },
);

test('D3: a file that breaks off behind its last byte is whole where its server says so, and else begun anew', async () => {
  for (const [length, requests] of [
    [archive.length, 2],
    [archive.length + 1, 3],
  ] as const) {
    const server = await serve((_request, response, count) => {
      if (count === 2) return response.writeHead(416, { 'content-range': `bytes */${length}` }).end();
      response.writeHead(200, { etag });
      if (count > 1) return response.end(archive);
      response.write(archive);
      // Only then, for what comes with the end of a connection can be lost; without the chunk that says that it is all.
      const isThere = async () => (await stat(join(folder, 'archive.zip.part'))).size === archive.length;
      void until('all of it is written', isThere).then(() => response.socket?.end());
    });
    expect(await fetchWith(server.url)).toMatchObject({ bytes: archive.length, sha256: archiveSha256 });
    expect(server.requests).toHaveLength(requests);
  }
});

test('D3: a file that breaks off and is shorter then is begun anew', async () => {
  const server = await serve((_request, response, count) => {
    if (count === 2) return response.writeHead(416).end();
    response.writeHead(200, { etag: `"v${count}"` });
    if (count === 1) cut(response, archive.subarray(0, 700_000));
    else response.end(archive.subarray(0, 400_000));
  });
  expect(await fetchWith(server.url)).toMatchObject({ bytes: 400_000, etag: '"v3"' });
});

test('D3: a server that sends little at a time is asked until the file is whole', async () => {
  const server = await serveCut((response, start) => sendCapped(response, start, 100_000, archive.length));
  expect(await fetchWith(server.url)).toMatchObject({ bytes: archive.length, sha256: archiveSha256 });
});

test('D3: a server that sends next to nothing at a time is given up', async () => {
  const server = await serveCut((response, start) => sendCapped(response, start, 1, archive.length));
  expect(await failureOf(server.url)).toMatchObject({ code: 'DOWNLOAD_CUT', retryable: true });
  expect(server.requests).toHaveLength(6);
});

test('D3: a server that breaks off at the same place each time is given up', async () => {
  const server = await serveCut((response) => response.writeHead(412).end(), 2_000_000);
  expect(await failureOf(server.url)).toMatchObject({ retryable: true });
});

test('D3: all of a file is taken for that, even when it comes as a range that nobody asked for', async () => {
  const server = await serve((_request, response) => sendCapped(response, 0, archive.length, archive.length));
  expect(await fetchWith(server.url)).toMatchObject({ bytes: archive.length, sha256: archiveSha256, etag });
  expect(server.requests).toHaveLength(1);
});

test.each([
  ['several parts', () => ({ 'content-type': 'multipart/byteranges; boundary=x' }), 100],
  ['another range', () => ({ 'content-range': `bytes 0-99/${archive.length}` }), 100],
  ['more than it says', (start: number) => ({ 'content-range': `bytes ${start}-${start + 99}/*` }), 101],
])('D3: a server that answers %s is asked without a range', async (_what, headersAt, bytes) => {
  const server = await serve((request, response, count) => {
    const start = startOf(request);
    if (start >= 0) return response.writeHead(206, { etag, ...headersAt(start) }).end(Buffer.alloc(bytes));
    response.writeHead(200, { etag });
    if (count > 1) response.end(archive);
    else cut(response, archive.subarray(0, 700_000));
  });
  expect(await fetchWith(server.url)).toMatchObject({ bytes: archive.length, sha256: archiveSha256 });
  expect(server.requests.map((request) => startOf(request) > 0)).toEqual([false, true, false]);
});

test('D3: a server that answers nothing but other ranges is said to do so', async () => {
  const server = await serve((_request, response) => {
    response.writeHead(206, { 'content-type': 'multipart/byteranges; boundary=x' }).end('--x\r\n');
  });
  const failure = await failureOf(server.url);
  expect(failure).toMatchObject({ code: 'RANGE_WRONG', retryable: true });
  expect(failure.message).toContain('upload it');
});

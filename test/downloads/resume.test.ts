import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import {
  archive,
  archiveSha256,
  cut,
  failureOf,
  fetchWith,
  sendRange,
  serve,
  setStage,
  sha256,
} from './stage.ts';

setStage();

const march = 'Tue, 03 Mar 2026 10:00:00 GMT';
const newer = Buffer.concat([Buffer.from('PK\x03\x04'), randomBytes(archive.length - 4)]);

/** Cuts its first answer, and has another file of the same length afterwards. */
const serveReplaced = (first: Record<string, string>, then: Record<string, string>) =>
  serve((request, response, count) => {
    const rest = sendRange(request, response, count === 1 ? archive : newer, count === 1 ? first : then);
    if (rest === null) return;
    if (count === 1) return cut(response, rest.subarray(0, 700_000));
    response.end(rest);
  });

test.each([
  [
    'a weak ETag differs',
    { etag: 'W/"1"', 'last-modified': march },
    { etag: 'W/"2"', 'last-modified': march },
  ],
  ['an ETag came to be', { 'last-modified': march }, { etag: '"2"', 'last-modified': march }],
  ['it changed within the second in which it was sent', { 'last-modified': march, date: march }, undefined],
  ['its ETag is empty', { etag: '' }, undefined],
  ['its ETag is no tag', { etag: '*', 'last-modified': march, date: march }, undefined],
])('D3: two versions of a file are not joined where %s', async (_how, first, then) => {
  const server = await serveReplaced(first, then ?? first);
  const result = await fetchWith(server.url);
  expect(result).toMatchObject({ bytes: newer.length, sha256: sha256(newer) });
  expect(sha256(await readFile(result.path))).toBe(sha256(newer));
});

test('D3: the rest of a file is asked for where a weak ETag and its date say that it is the same', async () => {
  const version = { etag: 'W/"1"', 'last-modified': march };
  const server = await serve((request, response, count) => {
    const rest = sendRange(request, response, archive, version);
    if (rest === null) return;
    if (count === 1) return cut(response, rest.subarray(0, 700_000));
    response.end(rest);
  });
  expect(await fetchWith(server.url)).toMatchObject({ sha256: archiveSha256 });
  expect(server.requests[1]?.headers['if-range']).toBe(march);
});

test('D3: the rest of a file is asked for of a server without a clock', async () => {
  const server = await serve((request, response, count) => {
    response.sendDate = false;
    const rest = sendRange(request, response, archive, { 'last-modified': march });
    if (rest === null) return;
    if (count === 1) return cut(response, rest.subarray(0, 700_000));
    response.end(rest);
  });
  expect(await fetchWith(server.url)).toMatchObject({ sha256: archiveSha256 });
  expect(server.requests[1]?.headers['if-range']).toBe(march);
});

test('D3: what comes of a file that changed is progress, though less than came before', async () => {
  const piece = 300_000;
  const server = await serve((request, response, count) => {
    if (count === 1) {
      response.writeHead(200, { etag: '"1"', 'content-length': archive.length });
      // To its last byte but one, and then the end.
      return response.write(archive.subarray(0, -1), () => response.socket?.end());
    }
    if (count === 2) return response.writeHead(412).end();
    const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const some = newer.subarray(from, from + piece);
    const range = `bytes ${from}-${from + some.length - 1}/${newer.length}`;
    response.writeHead(206, { etag: '"2"', 'content-length': some.length, 'content-range': range }).end(some);
  });
  expect(await fetchWith(server.url)).toMatchObject({ sha256: sha256(newer) });
});

test.each(['abc', '"a", "b"', 'w/"x"', '*', ''])('D3: %j is not sent as an ETag', async (etag) => {
  const server = await serve((request, response, count) => {
    const rest = sendRange(request, response, archive, { etag });
    if (rest === null) return;
    if (count === 1) return cut(response, rest.subarray(0, 700_000));
    response.end(rest);
  });
  const known = { etag, lastModified: null };
  expect(await fetchWith(server.url, {}, { known })).toMatchObject({ sha256: archiveSha256 });
  for (const { headers } of server.requests) {
    expect(headers['if-match']).toBeUndefined();
    expect(headers['if-none-match']).toBeUndefined();
  }
});

test('D3: a server that understands no conditions is asked without them', async () => {
  const server = await serve((request, response, count) => {
    const { 'if-match': sameVersion, 'if-none-match': otherVersion } = request.headers;
    if (sameVersion !== undefined || otherVersion !== undefined) return response.writeHead(400).end();
    response.writeHead(200, { etag: '"v1"', 'content-length': archive.length });
    if (count === 2) cut(response, archive.subarray(0, 700_000));
    else response.end(archive);
  });
  const known = { etag: '"v0"', lastModified: null };
  expect(await fetchWith(server.url, {}, { known })).toMatchObject({ sha256: archiveSha256 });
  expect(server.requests).toHaveLength(4);
});

test('D3: a server that refuses a request without conditions is not asked again', async () => {
  const refusing = await serve((_request, response) => response.writeHead(400).end());
  expect(await failureOf(refusing.url)).toMatchObject({ code: 'HTTP_400', retryable: false });
  expect(refusing.requests).toHaveLength(1);
});

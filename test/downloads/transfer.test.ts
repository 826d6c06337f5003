import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { DownloadProgress } from '../../src/domain/services.ts';
import {
  archive,
  archiveSha256,
  cut,
  failureOf,
  fetchWith,
  folder,
  sendRange,
  serve,
  setStage,
  sha256,
} from './stage.ts';

setStage();

test('A file arrives whole with its hash, its version and progress that ends at its size', async () => {
  const version = { etag: '"v1"', 'last-modified': 'Tue, 03 Mar 2026 10:00:00 GMT' };
  const server = await serve((_request, response) => {
    response.writeHead(200, { ...version, 'content-length': archive.length }).end(archive);
  });
  const seen: DownloadProgress[] = [];
  const result = await fetchWith(server.url, {}, { onProgress: (progress) => seen.push({ ...progress }) });
  expect(result).toMatchObject({
    bytes: archive.length,
    sha256: archiveSha256,
    etag: '"v1"',
    lastModified: version['last-modified'],
    notModified: false,
  });
  expect(sha256(await readFile(result.path))).toBe(archiveSha256);
  expect(await readdir(folder)).toEqual(['archive.zip']);
  expect(seen.at(-1)).toEqual({ bytesDone: archive.length, bytesTotal: archive.length });
  expect(seen.map((progress) => progress.bytesDone)).toEqual(
    seen.map((progress) => progress.bytesDone).toSorted((a, b) => a - b),
  );
  expect(server.requests[0]?.headers['accept-encoding']).toBe('identity');
});

test('A file that the caller already has is not fetched again', async () => {
  const server = await serve((request, response) => {
    expect(request.headers['if-modified-since']).toBe('Tue, 03 Mar 2026 10:00:00 GMT');
    response.writeHead(request.headers['if-none-match'] === '"v1"' ? 304 : 500).end();
  });
  const known = { etag: '"v1"', lastModified: 'Tue, 03 Mar 2026 10:00:00 GMT' };
  const result = await fetchWith(server.url, {}, { known });
  expect(result).toMatchObject({ ...known, notModified: true, bytes: 0, sha256: '' });
  expect(await readdir(folder)).toEqual([]);
});

test('D1: a link that has expired or needs a login fails at once and says what to do', async () => {
  for (const [status, code] of [
    [401, 'EXPORT_LINK_EXPIRED'],
    [403, 'EXPORT_LINK_EXPIRED'],
    [404, 'HTTP_404'],
    [410, 'EXPORT_LINK_EXPIRED'],
    [418, 'HTTP_418'],
  ] as const) {
    const server = await serve((_request, response) => {
      response.writeHead(status).end('<Error>AuthenticationFailed</Error>');
    });
    const failure = await failureOf(server.url);
    expect(failure).toMatchObject({ code, retryable: false });
    expect(failure.message).toContain('upload');
    expect(server.requests).toHaveLength(1);
  }
});

test('D2: busy answers and resets in the body end in the same bytes by Range and If-Match', async () => {
  const version = { etag: '"v1"' };
  const server = await serve((request, response, count) => {
    if (count === 1) return response.writeHead(429, { 'retry-after': '0' }).end();
    if (count === 2) return response.writeHead(503, { 'retry-after': new Date(0).toUTCString() }).end();
    const rest = sendRange(request, response, archive, version);
    if (rest === null) return;
    if (count <= 4) return cut(response, rest.subarray(0, 700_000));
    response.end(rest);
  });
  const result = await fetchWith(server.url);
  expect(result).toMatchObject({ bytes: archive.length, sha256: archiveSha256 });
  expect(sha256(await readFile(result.path))).toBe(archiveSha256);
  const last = server.requests.at(-1);
  expect(last?.headers['if-match']).toBe('"v1"');
  expect(Number(/^bytes=(\d+)-$/.exec(last?.headers.range ?? '')?.[1])).toBeGreaterThan(0);
});

test('D2: without an ETag the rest is asked for by Last-Modified', async () => {
  const version = { 'last-modified': 'Tue, 03 Mar 2026 10:00:00 GMT' };
  const server = await serve((request, response, count) => {
    const rest = sendRange(request, response, archive, version);
    if (rest === null) return;
    if (count === 1) return cut(response, rest.subarray(0, 700_000));
    response.end(rest);
  });
  expect(await fetchWith(server.url)).toMatchObject({ sha256: archiveSha256 });
  expect(server.requests[1]?.headers['if-range']).toBe(version['last-modified']);
});

test('D2: a server that asks for hours of rest, or never recovers, ends the download as retryable', async () => {
  const patient = await serve((_request, response) =>
    response.writeHead(429, { 'retry-after': '86400' }).end(),
  );
  expect(await failureOf(patient.url)).toMatchObject({ code: 'HTTP_429', retryable: true });
  expect(patient.requests).toHaveLength(1);
  const broken = await serve((_request, response) => response.writeHead(502).end());
  expect(await failureOf(broken.url, { maxAttempts: 3 })).toMatchObject({
    code: 'HTTP_502',
    retryable: true,
  });
  expect(broken.requests).toHaveLength(3);
});

test('D3: a server without Range is read again from the start', async () => {
  const server = await serve((_request, response, count) => {
    response.writeHead(200, { etag: '"v1"', 'content-length': archive.length });
    if (count === 1) cut(response, archive.subarray(0, 700_000));
    else response.end(archive);
  });
  const result = await fetchWith(server.url);
  expect(result).toMatchObject({ bytes: archive.length, sha256: archiveSha256 });
  expect(sha256(await readFile(result.path))).toBe(archiveSha256);
});

test('D3: two versions of a file are never joined, whether the server keeps to If-Match or not', async () => {
  const newer = Buffer.concat([Buffer.from('PK\x03\x04'), randomBytes(1_500_000)]);
  for (const honest of [true, false]) {
    const server = await serve((request, response, count) => {
      const version = { etag: count === 1 ? '"v1"' : '"v2"' };
      if (!honest) delete request.headers['if-match'];
      const rest = sendRange(request, response, count === 1 ? archive : newer, version);
      if (rest === null) return;
      if (count === 1) return cut(response, rest.subarray(0, 700_000));
      response.end(rest);
    });
    const result = await fetchWith(server.url);
    expect(result).toMatchObject({ bytes: newer.length, sha256: sha256(newer), etag: '"v2"' });
    expect(sha256(await readFile(result.path))).toBe(sha256(newer));
    expect(server.requests.at(-1)?.headers.range).toBeUndefined();
  }
});

test('D4: a login page is recognised by its first bytes and said to be no zip', async () => {
  for (const body of ['<!doctype html><title>Log in</title>', 'P', '', 'PKZIP is a program']) {
    const server = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/zip' }).end(body);
    });
    const failure = await failureOf(server.url);
    expect(failure).toMatchObject({ code: 'NOT_A_ZIP', retryable: false });
    expect(failure.message).toContain('upload');
    expect(server.requests).toHaveLength(1);
  }
});

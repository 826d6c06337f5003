import { createHash, randomBytes } from 'node:crypto';
import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { SyncError } from '../src/domain/errors.ts';
import type { DownloadProgress, FileVersion } from '../src/domain/services.ts';
import { isPublicAddress } from '../src/infra/downloads/address.ts';
import { hostRule, parseRedirect } from '../src/infra/downloads/url.ts';
import { type DownloadsConfig, openDownloads } from '../src/infra/downloads.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

const archive = Buffer.concat([Buffer.from('PK\x03\x04'), randomBytes(2_500_000)]);
const archiveSha256 = sha256(archive);
const secretPath = '/secret-path/file.zip?sig=secret-signature';
const closers: (() => Promise<unknown>)[] = [];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sidecar-downloads-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  for (const name of await readdir(folder)) await rm(join(folder, name), { force: true });
});

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A server on loopback that counts what it is asked; `count` is 1 for the first request. */
async function serve(handler: Handler, host = '127.0.0.1') {
  const requests: IncomingMessage[] = [];
  let connections = 0;
  const server: Server = createServer((request, response) => {
    requests.push(request);
    handler(request, response, requests.length);
  });
  server.on('connection', () => connections++);
  server.listen(0, host);
  await once(server, 'listening');
  closers.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    requests,
    connections: () => connections,
    port,
    origin: `http://${host}:${port}`,
    url: `http://${host}:${port}${secretPath}`,
  };
}

function open(config: Partial<DownloadsConfig> = {}) {
  const downloads = openDownloads({
    allowedHosts: ['127.0.0.1'],
    maxArchiveBytes: 1e8,
    retryDelayMs: 1,
    ...config,
  });
  closers.push(() => downloads.close());
  return downloads;
}

async function fetchWith(
  url: string,
  config: Partial<DownloadsConfig> = {},
  options: {
    signal?: AbortSignal;
    known?: FileVersion;
    onProgress?: (progress: DownloadProgress) => void;
  } = {},
) {
  const path = join(folder, 'archive.zip');
  const result = await open(config).fetch(url, path, {
    signal: options.signal ?? new AbortController().signal,
    onProgress: options.onProgress ?? (() => undefined),
    known: options.known,
  });
  return { ...result, path };
}

/** The failure of a download, after which neither a file nor a trace of the URL may be left. */
async function failureOf(url: string, config: Partial<DownloadsConfig> = {}): Promise<SyncError> {
  const error = await fetchWith(url, config).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SyncError);
  const failure = error as SyncError;
  expect(failure.message).not.toMatch(/secret|:\/\/\w/);
  expect(failure.message).not.toContain(folder);
  expect(await readdir(folder)).toEqual([]);
  return failure;
}

/** Sends the headers that Range, If-Match and If-Range ask for (RFC 9110) and answers the body that goes with them. */
function sendRange(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer,
  version: Record<string, string>,
): Buffer | null {
  const match = request.headers['if-match'];
  if (match !== undefined && match !== version.etag) {
    response.writeHead(412).end();
    return null;
  }
  const condition = request.headers['if-range'];
  const isSame = typeof condition !== 'string' || Object.values(version).includes(condition);
  const start = isSame ? Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0) : 0;
  const headers = { ...version, 'content-length': bytes.length - start };
  if (start === 0) response.writeHead(200, headers);
  else {
    const range = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
    response.writeHead(206, { ...headers, 'content-range': range });
  }
  return bytes.subarray(start);
}

/** Sends a part of an answer that announced more, then resets the connection. */
function cut(response: ServerResponse, part: Buffer): void {
  response.write(part, () => response.socket?.resetAndDestroy());
}

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
    if (status !== 418) expect(failure.message).toContain('upload');
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

test('D5: redirects are followed, five of them, and the file is that of the last', async () => {
  const server = await serve((request, response) => {
    const hop = Number(/^\/hop(\d+)$/.exec(request.url ?? '')?.[1]);
    if (hop > 0)
      response.writeHead([301, 302, 303, 307, 308][hop % 5] ?? 302, { location: `/hop${hop - 1}` }).end();
    else response.writeHead(200).end(archive);
  });
  expect(await fetchWith(`${server.origin}/hop5`)).toMatchObject({ sha256: archiveSha256 });
  await rm(join(folder, 'archive.zip'));
  const before = server.requests.length;
  expect(await failureOf(`${server.origin}/hop6`)).toMatchObject({
    code: 'TOO_MANY_REDIRECTS',
    retryable: false,
  });
  expect(server.requests.slice(before).map((request) => request.url)).not.toContain('/hop0');
});

test('D5: a redirect to a private address, another protocol or a wrong port is refused without a connection', async () => {
  const inner = await serve((_request, response) => response.end(archive), '127.0.0.2');
  for (const location of [
    inner.url,
    'http://169.254.169.254/latest/meta-data/',
    'file:///etc/passwd',
    'ftp://example.org/secret.zip',
    'http://example.org:22/',
    'http://user:secret@example.org/',
    'http://[',
  ]) {
    const server = await serve((_request, response) => response.writeHead(302, { location }).end());
    expect(await failureOf(server.url)).toMatchObject({ code: 'REDIRECT_REFUSED', retryable: false });
    expect(server.requests).toHaveLength(1);
  }
  expect(inner.connections()).toBe(0);
});

test('D5: a redirect from https to http is refused', () => {
  const from = new URL('https://example.org/a');
  const rule = hostRule([]);
  expect(() => parseRedirect(from, 'http://example.org/b', rule)).toThrow('https to http');
  expect(parseRedirect(from, '/b', rule).href).toBe('https://example.org/b');
  expect(parseRedirect(new URL('http://example.org/a'), 'https://example.org/b', rule).protocol).toBe(
    'https:',
  );
});

test('D6: a name that leads to a private address, alone or among public ones, is refused when it connects', async () => {
  const inner = await serve((_request, response) => response.end(archive), '127.0.0.2');
  const answers: LookupAddress[][] = [
    [{ address: '127.0.0.2', family: 4 }],
    [
      { address: '93.184.215.14', family: 4 },
      { address: '127.0.0.2', family: 4 },
    ],
    [
      { address: '127.0.0.2', family: 4 },
      { address: '2606:2800:21f:cb07:6820:80da:af6b:8b2c', family: 6 },
    ],
    [{ address: '::ffff:127.0.0.2', family: 6 }],
  ];
  for (const addresses of answers) {
    const failure = await failureOf(`http://export.example.org:${inner.port}/secret`, {
      resolve: (_hostname, callback) => callback(null, addresses),
    });
    expect(failure).toMatchObject({ code: 'ADDRESS_REFUSED', retryable: false });
  }
  expect(inner.connections()).toBe(0);
});

test('D6: a name that is rebound after its check is refused, and the name of an allowed host is not', async () => {
  const inner = await serve((_request, response) => response.end(archive), '127.0.0.2');
  const url = `http://export.example.org:${inner.port}/secret`;
  let lookups = 0;
  const resolve: DownloadsConfig['resolve'] = (_hostname, callback) => {
    lookups++;
    callback(null, [{ address: '127.0.0.2', family: 4 }]);
  };
  open({ resolve }).check(url);
  expect(lookups).toBe(0);
  expect(await failureOf(url, { resolve })).toMatchObject({ code: 'ADDRESS_REFUSED' });
  const allowedHosts = [`export.example.org:${inner.port}`];
  expect(await fetchWith(url, { resolve, allowedHosts })).toMatchObject({ sha256: archiveSha256 });
});

test('D7: private addresses in every spelling are refused before anything is sent', async () => {
  const inner = await serve((_request, response) => response.end(archive), '127.0.0.2');
  const hosts = [
    '127.0.0.2',
    '2130706434',
    '0x7f.2',
    '0177.0.0.2',
    '127.2',
    '０x7f.2',
    'localhost',
    'localhost.',
    'db.internal',
    'postgres',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '169.254.169.254',
    '168.63.129.16',
    '0.0.0.0',
    '255.255.255.255',
    '198.18.0.1',
    '224.0.0.1',
    '[::]',
    '[::1]',
    '[::ffff:7f00:1]',
    '[::127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '[64:ff9b:1::7f00:1]',
    '[2002:7f00:1::]',
    '[2001:0:4136:e378:8000:63bf:3fff:fdd2]',
    '[fe80::1]',
    '[fd00:ec2::254]',
    '[fec0::1]',
    '[ff02::1]',
  ];
  const downloads = open();
  for (const host of hosts) {
    const url = `http://${host}:${inner.port}/secret`;
    expect(() => downloads.check(url), host).toThrow('private address');
    expect(await failureOf(url), host).toMatchObject({ code: 'INVALID_URL', retryable: false });
  }
  expect(inner.connections()).toBe(0);
});

test('D7: public addresses are told from those that are not', () => {
  for (const address of ['93.184.215.14', '8.8.8.8', '2606:2800:21f:cb07::1', '2a00:1450::5']) {
    expect(isPublicAddress(address), address).toBe(true);
  }
  for (const address of [
    '',
    'example.org',
    '::127.0.0.1',
    '192.0.2.1',
    '2001:db8::1',
    '100::1',
    '3fff::1%eth0',
  ]) {
    expect(isPublicAddress(address), address).toBe(false);
  }
});

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
  expect(await failureOf(slow.url, patience)).toMatchObject({ code: 'DOWNLOAD_TIMED_OUT', retryable: true });
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
  expect(await failureOf(server.url)).toMatchObject({ code: 'CONTENT_ENCODED', retryable: false });
});

test('D11: URLs that can never be fetched are input errors before any I/O', () => {
  const downloads = open();
  for (const [url, type] of [
    ['https://user:secret@example.org/', 'has_credentials'],
    ['https://user@example.org/', 'has_credentials'],
    [`https://example.org/${'a'.repeat(9000)}`, 'too_long'],
    ['https://example.org/a\r\nHost: b', 'bad_characters'],
    [' https://example.org/', 'bad_characters'],
    ['https://example.org/\ud800', 'bad_characters'],
    ['http://example.org:22/', 'bad_port'],
    ['http://example.org:25/', 'bad_port'],
    ['ftp://example.org/', 'bad_protocol'],
    ['file:///etc/passwd', 'bad_protocol'],
    ['javascript:alert(1)', 'bad_protocol'],
    ['example.org/file.zip', 'not_a_url'],
    ['', 'not_a_url'],
    ['https://', 'not_a_url'],
  ] as const) {
    expect(() => downloads.check(url), url).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', fieldErrors: [expect.objectContaining({ type })] }),
    );
  }
  for (const url of [
    'https://example.org/file.zip?sig=a%20b#part',
    'http://example.org:8080/',
    'https://bücher.example/ä.zip',
    'https://[2606:2800:21f:cb07::1]/file.zip',
    'http://127.0.0.1:22/allowed',
  ]) {
    expect(() => downloads.check(url), url).not.toThrow();
  }
});

test('A host is allowed by name or by name and port, in any spelling of it', () => {
  const isAllowed = hostRule(['Files.LOCAL', '10.0.0.5:9000', '::1', '[fd00::1]:8080']);
  expect(isAllowed('files.local', 22)).toBe(true);
  expect(isAllowed('10.0.0.5', 9000)).toBe(true);
  expect(isAllowed('10.0.0.5', 9001)).toBe(false);
  expect(isAllowed('[::1]', 80)).toBe(true);
  expect(isAllowed('fd00::1', 8080)).toBe(true);
  expect(isAllowed('other.local', 80)).toBe(false);
  expect(() => hostRule(['not a host'])).toThrow('not a host');
});

test('C11: a full disk or a folder that cannot be written ends the download as NO_SPACE and leaves no file', async () => {
  const server = await serve((_request, response) => response.end(archive));
  // Everything written to this device fails as on a full disk.
  await symlink('/dev/full', join(folder, 'archive.zip.part'));
  expect(await failureOf(server.url)).toMatchObject({ code: 'NO_SPACE', retryable: true });
  expect(server.requests).toHaveLength(1);

  const missing = open().fetch(server.url, join(folder, 'missing', 'archive.zip'), {
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
  await expect(missing).rejects.toMatchObject({ code: 'NO_SPACE', retryable: true });
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

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { SyncError } from '../../src/domain/errors.ts';
import type { DownloadProgress, FileVersion } from '../../src/domain/services.ts';
import { type DownloadsConfig, openDownloads } from '../../src/infra/downloads.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** A file that begins like a zip. */
export const archive = Buffer.concat([Buffer.from('PK\x03\x04'), randomBytes(2_500_000)]);
export const archiveSha256 = sha256(archive);
const secretPath = '/secret-path/file.zip?sig=secret-signature';
/** What a test opened, closed after it. */
export const closers: (() => Promise<unknown>)[] = [];
/** Where downloads of a file's tests go; empty at the beginning of each. */
export let folder: string;

/** Makes the folder for the tests of a file, and closes after each what it opened. */
export function setStage(): void {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sidecar-downloads-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
    for (const name of await readdir(folder)) await rm(join(folder, name), { force: true });
  });
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A server on loopback that counts what it is asked; `count` is 1 for the first request. */
export async function serve(handler: Handler, host = '127.0.0.1') {
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

export function open(config: Partial<DownloadsConfig> = {}) {
  const downloads = openDownloads({
    allowedHosts: ['127.0.0.1'],
    maxArchiveBytes: 1e8,
    retryDelayMs: 1,
    ...config,
  });
  closers.push(() => downloads.close());
  return downloads;
}

export async function fetchWith(
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
export async function failureOf(url: string, config: Partial<DownloadsConfig> = {}): Promise<SyncError> {
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
export function sendRange(
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
export function cut(response: ServerResponse, part: Buffer): void {
  response.write(part, () => response.socket?.resetAndDestroy());
}

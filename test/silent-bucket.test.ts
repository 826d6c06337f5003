import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { openS3Files } from '../src/infra/files/s3-files.ts';

const owner = '01a205bc-fc86-7058-98a8-07b9f67ea7b8';

test('a file is sent again to a bucket that fell silent over it', async () => {
  const asked: (string | undefined)[] = [];
  const files = await openBucket((request, response) => {
    asked.push(request.method);
    request.resume();
    if (asked.length > 1) response.setHeader('etag', '"kept"').end();
  });
  await files.put(owner, Readable.from([Buffer.from('late')]));
  expect(asked.slice(0, 2)).toEqual(['PUT', 'PUT']);
});

test('a file that a bucket stops to send breaks off', async () => {
  const files = await openBucket((_request, response) => {
    response.writeHead(200, { 'content-length': 8 }).write('half');
  });
  const read = await files.read(owner, createHash('sha256').digest());
  await expect(buffer(read)).rejects.toThrow('inactivity');
});

/** Files in a bucket that answers as it likes, and is soon given up. */
async function openBucket(answer: RequestListener) {
  const directory = await mkdtemp(join(tmpdir(), 'sidecar-files-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const bucket = createServer(answer).listen(0, '127.0.0.1');
  await once(bucket, 'listening');
  onTestFinished(() => {
    bucket.close();
    bucket.closeAllConnections();
  });
  const endpoint = `http://127.0.0.1:${(bucket.address() as AddressInfo).port}`;
  const keys = { accessKeyId: 'KEY', secretAccessKey: 'SECRET' };
  const files = openS3Files({ bucket: 'sidecar', region: 'us-east-1', endpoint, ...keys }, directory, {
    idleMs: 1_000,
  });
  onTestFinished(files.close);
  return files;
}

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import S3rver from 's3rver';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NotFoundError } from '../src/domain/errors.ts';
import type { Files } from '../src/domain/services.ts';
import { openLocalFiles } from '../src/infra/files/local-files.ts';
import { openS3Files } from '../src/infra/files/s3-files.ts';

const owner = '01a205bc-fc86-7058-98a8-07b9f67ea7b8';
const other = '01a205bc-fc86-7058-98a8-07b9f67ea7b9';

describe.each(['a folder', 'an S3-compatible bucket'])('Files in %s', (place) => {
  let directory: string;
  let files: Files;
  let close: () => Promise<void>;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sidecar-files-'));
    if (place === 'a folder') {
      files = await openLocalFiles(directory);
      close = async () => undefined;
      return;
    }
    const server = new S3rver({
      address: '127.0.0.1',
      port: 0,
      silent: true,
      directory: join(directory, 'bucket'),
      configureBuckets: [{ name: 'sidecar', configs: [] }],
    });
    const { port } = await server.run();
    const bucket = openS3Files(
      {
        bucket: 'sidecar',
        region: 'us-east-1',
        endpoint: `http://127.0.0.1:${port}`,
        accessKeyId: 'S3RVER',
        secretAccessKey: 'S3RVER',
      },
      directory,
    );
    files = bucket;
    close = async () => {
      await bucket.close();
      await server.close();
    };
  });

  afterAll(async () => {
    await close();
    await rm(directory, { recursive: true, force: true });
  });

  test('come back as they were put in, under the hash of their content', async () => {
    const content = Buffer.from('The quick brown fox. '.repeat(100_000));
    const stored = await files.put(owner, chunksOf(content));
    expect(stored.sizeBytes).toBe(content.length);
    expect(Buffer.from(stored.sha256)).toEqual(createHash('sha256').update(content).digest());
    expect(await buffer(await files.read(owner, stored.sha256))).toEqual(content);
  });

  test('are told of before they are there, and are not kept when that is refused', async () => {
    const told: string[] = [];
    const stored = await files.put(owner, chunksOf(Buffer.from('kept')), async ({ sha256, sizeBytes }) => {
      await expect(files.read(owner, sha256)).rejects.toThrow(NotFoundError);
      told.push(`${Buffer.from(sha256).toString('hex')} ${sizeBytes}`);
    });
    expect(told).toEqual([`${Buffer.from(stored.sha256).toString('hex')} 4`]);
    expect(String(await buffer(await files.read(owner, stored.sha256)))).toBe('kept');
    const refusing = files.put(owner, chunksOf(Buffer.from('refused')), async () => {
      throw new Error('not wanted');
    });
    await expect(refusing).rejects.toThrow('not wanted');
    const sha256 = createHash('sha256').update('refused').digest();
    await expect(files.read(owner, sha256)).rejects.toThrow(NotFoundError);
  });

  test('are given in part', async () => {
    const { sha256 } = await files.put(owner, chunksOf(Buffer.from('0123456789')));
    expect(String(await buffer(await files.read(owner, sha256, { start: 2, end: 4 })))).toBe('234');
  });

  test('can be put in twice and be empty', async () => {
    const first = await files.put(owner, chunksOf(Buffer.alloc(0)));
    const second = await files.put(owner, chunksOf(Buffer.alloc(0)));
    expect(second).toEqual(first);
    expect(await buffer(await files.read(owner, first.sha256))).toHaveLength(0);
  });

  test('are unknown to another user, and once removed to everybody', async () => {
    const { sha256 } = await files.put(owner, chunksOf(Buffer.from('mine')));
    await expect(files.read(other, sha256)).rejects.toThrow(NotFoundError);
    expect([await files.has(owner, sha256), await files.has(other, sha256)]).toEqual([true, false]);
    await files.remove(owner, sha256);
    await expect(files.read(owner, sha256)).rejects.toThrow(NotFoundError);
    expect(await files.has(owner, sha256)).toBe(false);
  });

  test('all go with their user, and nobody else’s', async () => {
    const mine = await files.put(owner, chunksOf(Buffer.from('mine again')));
    const theirs = await files.put(other, chunksOf(Buffer.from('theirs')));
    await files.removeAll(owner);
    await expect(files.read(owner, mine.sha256)).rejects.toThrow(NotFoundError);
    expect(String(await buffer(await files.read(other, theirs.sha256)))).toBe('theirs');
  });

  test('leave nothing behind when their source breaks off', async () => {
    const broken = async function* () {
      yield Buffer.from('some');
      throw new Error('the source broke off');
    };
    await expect(files.put(owner, broken())).rejects.toThrow('the source broke off');
    const left = await readdir(directory, { recursive: true });
    expect(left.filter((name) => name.endsWith('.part'))).toEqual([]);
  });
});

test('A bucket that keeps a file of a user is not taken for one without any', async () => {
  const key = `${owner}/${'ab'.repeat(32)}`;
  const bucket = createServer((request, response) => {
    request.resume();
    response.setHeader('content-type', 'application/xml');
    response.end(
      request.method === 'POST'
        ? `<DeleteResult><Error><Key>${key}</Key><Code>AccessDenied</Code><Message>Denied</Message></Error></DeleteResult>`
        : `<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>${key}</Key></Contents></ListBucketResult>`,
    );
  }).listen(0, '127.0.0.1');
  await once(bucket, 'listening');
  const { port } = bucket.address() as AddressInfo;
  const files = openS3Files(
    {
      bucket: 'sidecar',
      region: 'us-east-1',
      endpoint: `http://127.0.0.1:${port}`,
      accessKeyId: 'KEY',
      secretAccessKey: 'SECRET',
    },
    tmpdir(),
  );
  try {
    const removal = files.removeAll(owner);
    await expect(removal).rejects.toThrow("did not delete 1 of a user's files: AccessDenied.");
  } finally {
    await files.close();
    bucket.close();
  }
});

async function* chunksOf(content: Buffer): AsyncGenerator<Buffer> {
  for (let start = 0; start < content.length; start += 65_536) yield content.subarray(start, start + 65_536);
}

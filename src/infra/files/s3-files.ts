import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  paginateListObjectsV2,
  S3Client,
  type S3ClientConfig,
  type S3ServiceException,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import type { S3Config } from '../../config.ts';
import { NotFoundError } from '../../domain/errors.ts';
import type { Files } from '../../domain/services.ts';
import { spool } from './spool.ts';

/** A question without content is answered by then, for whoever asks may hold a lock. In milliseconds. */
const SHORT_MS = 10_000;

/** A connection on which nothing moves for so long is given up, and the client tries again. In milliseconds. */
const IDLE_MS = 60_000;

/** Attachments in a bucket of any S3-compatible store: `<user>/<sha256>`. */
export function openS3Files(
  config: S3Config,
  dataDir: string,
  { idleMs = IDLE_MS } = {},
): Files & { close(): Promise<void> } {
  const { bucket } = config;
  const settings: S3ClientConfig = {
    region: config.region,
    credentials: { accessKeyId: config.accessKeyId, secretAccessKey: config.secretAccessKey },
    ...(config.endpoint ? { endpoint: config.endpoint, forcePathStyle: true } : {}),
    // Many compatible stores know nothing of the newer checksums.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  };
  // By itself it would wait for ever: a store that hangs would keep a worker's place for good.
  const client = new S3Client({ ...settings, requestHandler: { socketTimeout: idleMs } });
  // For removals: what is given up may still happen, when somebody counts on it that it does not.
  const patient = new S3Client(settings);
  const soon = () => ({ abortSignal: AbortSignal.timeout(SHORT_MS) });
  const keyOf = (userId: string, sha256: Uint8Array) => `${userId}/${Buffer.from(sha256).toString('hex')}`;
  return {
    put: (userId, content, beforeKept) =>
      spool(join(dataDir, 'spool'), content, async (path, file) => {
        await beforeKept?.(file);
        const body = createReadStream(path);
        const params = { Bucket: bucket, Key: keyOf(userId, file.sha256), Body: body };
        await new Upload({ client, params }).done().finally(() => body.destroy());
      }),
    async has(userId, sha256) {
      try {
        await client.send(new HeadObjectCommand({ Bucket: bucket, Key: keyOf(userId, sha256) }), soon());
        return true;
      } catch (error) {
        // Without a body, the answer has no code of its own.
        if ((error as S3ServiceException).$metadata?.httpStatusCode === 404) return false;
        throw error;
      }
    },
    async read(userId, sha256, range) {
      const Range = range ? `bytes=${range.start}-${range.end}` : undefined;
      try {
        const { Body } = await client.send(
          new GetObjectCommand({ Bucket: bucket, Key: keyOf(userId, sha256), Range }),
        );
        if (Body instanceof Readable) return Body;
        throw new NotFoundError('file');
      } catch (error) {
        if ((error as Error).name === 'NoSuchKey') throw new NotFoundError('file');
        throw error;
      }
    },
    async remove(userId, sha256) {
      await patient.send(new DeleteObjectCommand({ Bucket: bucket, Key: keyOf(userId, sha256) }));
    },
    async removeAll(userId) {
      const kept: { Code?: string | undefined }[] = [];
      for await (const page of paginateListObjectsV2(
        { client: patient },
        { Bucket: bucket, Prefix: `${userId}/` },
      )) {
        const Objects = (page.Contents ?? []).map(({ Key }) => ({ Key }));
        if (Objects.length > 0) {
          const command = new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } });
          const { Errors = [] } = await patient.send(command);
          for (const error of Errors) kept.push(error);
        }
      }
      if (kept.length > 0) throw new Error(keptMessage(kept));
    },
    async close() {
      client.destroy();
      patient.destroy();
    },
  };
}

/** DeleteObjects answers 200, whatever it could not delete. Names no key: keys are of a user. */
function keptMessage(errors: { Code?: string | undefined }[]): string {
  const codes = [...new Set(errors.map(({ Code }) => Code ?? 'no code'))];
  return `The bucket did not delete ${errors.length} of a user's files: ${codes.join(', ')}.`;
}

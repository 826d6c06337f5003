import type { IncomingHttpHeaders } from 'node:http';
import parseRange from 'range-parser';
import type { Services } from '../domain/services.ts';
import type { Answer } from './router.ts';

/** A file of the file store. */
export interface StoredContent {
  userId: string;
  sha256: Uint8Array;
  sizeBytes: number;
}

/** Sends a file, or the one range of it that is asked for, under headers that say what it is. */
export async function answerFile(
  services: Services,
  { userId, sha256, sizeBytes }: StoredContent,
  { range: asked }: IncomingHttpHeaders,
  headers: Record<string, string>,
): Promise<Answer> {
  const ranges = asked ? parseRange(sizeBytes, asked) : -2;
  const [range] = Array.isArray(ranges) && ranges.type === 'bytes' && ranges.length === 1 ? ranges : [];
  if (ranges === -1) {
    return {
      status: 416,
      headers: { 'Content-Range': `bytes */${sizeBytes}` },
      body: { detail: `The range is outside of the ${sizeBytes} bytes of this file.` },
    };
  }
  return {
    status: range ? 206 : 200,
    stream: await services.files.read(userId, sha256, range),
    headers: {
      ...headers,
      'X-Content-Type-Options': 'nosniff',
      'Accept-Ranges': 'bytes',
      ETag: `"${Buffer.from(sha256).toString('hex')}"`,
      'Content-Length': range ? range.end - range.start + 1 : sizeBytes,
      ...(range ? { 'Content-Range': `bytes ${range.start}-${range.end}/${sizeBytes}` } : {}),
    },
  };
}

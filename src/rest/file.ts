import type { IncomingHttpHeaders } from 'node:http';
import fresh from 'fresh';
import type { Services } from '../domain/services.ts';
import { rangeOf } from './range.ts';
import type { Answer } from './router.ts';

/** A file of the file store. */
export interface StoredContent {
  userId: string;
  sha256: Uint8Array;
  sizeBytes: number;
}

/**
 * Sends a file, or the one range of it that is asked for, under headers that say what it is; nothing of it to a client
 * that has it already. The conditions are tried in the order of RFC 9110, section 13.2.2.
 */
export async function answerFile(
  services: Services,
  { userId, sha256, sizeBytes }: StoredContent,
  asked: IncomingHttpHeaders,
  about: Record<string, string>,
): Promise<Answer> {
  const etag = `"${Buffer.from(sha256).toString('hex')}"`;
  const headers = { ...about, 'X-Content-Type-Options': 'nosniff', 'Accept-Ranges': 'bytes', ETag: etag };
  const wanted = asked['if-match'];
  if (wanted !== undefined && wanted !== '*' && !wanted.split(',').some((tag) => tag.trim() === etag)) {
    return { status: 412, body: { detail: 'The file is another one by now.' } };
  }
  // The condition alone: a `Cache-Control: no-cache`, which browsers send beside one of a page's own, is for caches.
  if (fresh({ 'if-none-match': asked['if-none-match'] }, { etag })) return { status: 304, headers, body: {} };
  const range = rangeOf(sizeBytes, asked, etag);
  if (range === 'outside') {
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
      'Content-Length': range ? range.end - range.start + 1 : sizeBytes,
      ...(range ? { 'Content-Range': `bytes ${range.start}-${range.end}/${sizeBytes}` } : {}),
    },
  };
}

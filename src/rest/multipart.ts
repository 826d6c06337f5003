import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { Busboy, type BusboyHeaders } from '@fastify/busboy';
import { InvalidInputError } from '../domain/errors.ts';

export interface UploadedPart {
  fileName: string | null;
  content: AsyncIterable<Uint8Array>;
}

export const isMultipart = (headers: IncomingHttpHeaders) =>
  headers['content-type']?.toLowerCase().startsWith('multipart/form-data') ?? false;

/**
 * The part named `file` of a multipart/form-data body (RFC 7578), as it comes in. Throws an InvalidInputError when the
 * body is none or has no such part.
 */
export async function openFilePart(
  headers: IncomingHttpHeaders,
  body: AsyncIterable<Uint8Array>,
): Promise<UploadedPart> {
  return new Promise((resolve, reject) => {
    const fail = () =>
      reject(
        new InvalidInputError([
          { path: ['file'], message: 'The archive is expected as the part "file".', type: 'missing' },
        ]),
      );
    try {
      const parser = new Busboy({
        headers: headers as BusboyHeaders,
        limits: { files: 1, fieldSize: 1_000 },
      });
      const source = Readable.from(body);
      let taken: Readable | null = null;
      parser.on('file', (field, content, fileName) => {
        if (field !== 'file') return content.resume();
        taken = content;
        // Who takes the part may have enough of it.
        content.on('close', () => source.destroy());
        resolve({ fileName: fileName ?? null, content });
      });
      parser.on('finish', fail);
      parser.on('error', fail);
      // The parser knows nothing of a client that left: the part would be waited for without end.
      source.on('error', (error) => {
        taken?.destroy(error);
        parser.destroy(error);
      });
      source.pipe(parser);
    } catch {
      fail();
    }
  });
}

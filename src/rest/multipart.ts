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

/** So many may a form have, the archive among them; those beyond are not looked at. */
const MAX_FILES = 10;

/**
 * The first file named `file` of a multipart/form-data body (RFC 7578), as it comes in; others are passed over. Throws an
 * InvalidInputError when the body is none or has no such part; reading the part throws one when the body ends within it.
 */
export async function openFilePart(
  headers: IncomingHttpHeaders,
  body: AsyncIterable<Uint8Array>,
): Promise<UploadedPart> {
  return new Promise((resolve, reject) => {
    const fail = () => reject(invalid('The archive is expected as the part "file".', 'missing'));
    try {
      const parser = new Busboy({
        headers: headers as BusboyHeaders,
        limits: { files: MAX_FILES, fieldSize: 1_000 },
      });
      const source = Readable.from(body);
      let taken: Readable | null = null;
      parser.on('file', (field, content, fileName) => {
        // Of a body that ends within the part, perhaps before anybody reads it: the part keeps the error for who does.
        content.on('error', () => content.destroy(invalid('The form ends within its part.', 'truncated')));
        if (field !== 'file' || taken) return content.resume();
        taken = content;
        // Who takes the part may have enough of it.
        content.on('close', () => source.destroy());
        resolve({ fileName: fileName ?? null, content: chunksOf(content) });
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

/** The parser emits errors past what `destroy` was told, so that a reader may meet one that is not ours. */
async function* chunksOf(part: Readable): AsyncGenerator<Uint8Array> {
  try {
    yield* part;
  } catch (error) {
    throw part.errored ?? error;
  }
}

const invalid = (message: string, type: string) => new InvalidInputError([{ path: ['file'], message, type }]);

import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { FileStore } from '@tus/file-store';
import { ERRORS, type Upload } from '@tus/server';
import { isDiskFull, NoSpaceError } from '../domain/errors.ts';

/** The library's store in a folder, but for a full disk: the library tells nobody why a piece could not be written. */
export class UploadStore extends FileStore {
  override async create(upload: Upload): Promise<Upload> {
    try {
      return await super.create(upload);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      await Promise.all(notedFiles(this.directory, upload.id).map((path) => rm(path, { force: true })));
      throw new NoSpaceError({ cause: error });
    }
  }

  /** Answers how much is there then. Throws a NoSpaceError; what was written before it stays, to go on from. */
  override async write(piece: Readable, id: string, offset: number): Promise<number> {
    const [path = ''] = notedFiles(this.directory, id);
    const file = createWriteStream(path, { flags: 'r+', start: offset });
    try {
      await pipeline(piece.iterator({ destroyOnReturn: false }), file);
    } catch (error) {
      if (!isDiskFull(error)) throw piece.errored ?? ERRORS.FILE_WRITE_ERROR;
      // A connection that is closed before all has come may take the answer with it.
      await finished(piece.resume());
      throw new NoSpaceError({ cause: error });
    }
    return offset + file.bytesWritten;
  }
}

/** An upload, and the library's note about it. */
const notedFiles = (directory: string, id: string) => [join(directory, id), join(directory, `${id}.json`)];

import { lstat, realpath } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { NotAllowedError, NotFoundError, UnavailableError } from '../domain/errors.ts';
import type { IngestRoot } from '../domain/services.ts';

/** `root` null: nothing of this server's disk may be imported. `variable` is what sets it, for messages. */
export function createIngestRoot(root: string | null, variable: 'INGEST_ROOT' | 'WATCH_DIR'): IngestRoot {
  const outside = () => new NotAllowedError(`Only what lies below ${variable} can be imported.`);
  return {
    async resolve(path) {
      if (root === null) throw new NotAllowedError(`This server has no ${variable} to import from.`);
      const realRoot = await realpath(root).catch((cause) => {
        throw new UnavailableError(`The folder that ${variable} names cannot be read at present.`, { cause });
      });
      const wanted = resolve(realRoot, path);
      // Before anything is looked up, so that the answer says nothing about paths outside.
      if (!isBelow(realRoot, wanted)) throw outside();
      const found = await realpath(wanted).catch(() => {
        throw new NotFoundError('file or folder');
      });
      if (!isBelow(realRoot, found)) throw outside();
      const entry = await lstat(found).catch(() => null);
      // To open a pipe waits for whoever writes into it, and keeps one of Node's few threads for files meanwhile.
      if (!entry?.isFile() && !entry?.isDirectory()) throw new NotFoundError('file or folder');
      return found;
    },
  };
}

function isBelow(root: string, path: string): boolean {
  const way = relative(root, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

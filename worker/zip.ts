import { type PassThrough, Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import type { ExportEntry } from '../src/domain/export-entry.ts';

/**
 * A zip of entries, each written as it is read and no faster than the zip is, so that neither their number nor their
 * size matters for memory but for some hundred bytes of table for each. ZIP64 where the size asks for it. Ends with the
 * signal's reason when it aborts.
 */
export function zipOf(entries: AsyncIterable<ExportEntry>, signal: AbortSignal): Readable {
  const zip = new ZipFile();
  const output = zip.outputStream as PassThrough;
  const gone = new AbortController();
  const stop = AbortSignal.any([signal, gone.signal]);
  output.once('close', () => gone.abort());
  const fail = (error: unknown) => {
    output.destroy(signal.aborted ? signal.reason : (error as Error));
  };
  zip.on('error', fail);
  // Whoever reads it later is told; until then nobody listens, and that would end the process.
  output.on('error', () => undefined);
  addAll(zip, entries, stop).then(() => zip.end(), fail);
  return output;
}

async function addAll(zip: ZipFile, entries: AsyncIterable<ExportEntry>, signal: AbortSignal): Promise<void> {
  for await (const { path, content, compress } of entries) {
    signal.throwIfAborted();
    const source = Readable.from(content, { objectMode: false });
    try {
      const read = finished(source, { signal });
      zip.addReadStream(source, path, { compress });
      await read;
    } finally {
      source.destroy();
    }
  }
}

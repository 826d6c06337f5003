import { openZip, type ZipEntry, type ZipFile } from '../../../src/archive/zip.ts';
import { limits, makeZip, temporaryFile, type ZipPart, type ZipShape } from '../builders.ts';

/** Opens a zip that is made of these parts. */
export async function open(parts: readonly ZipPart[], shape?: ZipShape): Promise<ZipFile> {
  return openZip(await temporaryFile(makeZip(parts, shape)), limits);
}

/** An entry’s bytes, each as one character. */
export async function contentOf(zip: ZipFile, entry: ZipEntry | undefined): Promise<string> {
  if (entry === undefined) throw new Error('The entry is missing.');
  const chunks: Buffer[] = [];
  for await (const chunk of zip.read(entry)) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

/** What the entry gave before it failed, and the code with which it did. */
export async function failureOf(
  zip: ZipFile,
  entry: ZipEntry | undefined,
): Promise<{ bytes: number; code: string }> {
  if (entry === undefined) throw new Error('The entry is missing.');
  let bytes = 0;
  try {
    for await (const chunk of zip.read(entry)) bytes += chunk.length;
  } catch (error) {
    return { bytes, code: (error as { code: string }).code };
  }
  return { bytes, code: 'NONE' };
}

export const twoParts: ZipPart[] = [
  { name: 'a.json', data: 'first' },
  { name: 'folder/b.dat', data: 'second', method: 0 },
];

import { createHash } from 'node:crypto';
import {
  appendFile,
  copyFile,
  mkdir,
  readdir,
  readFile,
  rename,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GeneratedExport, generateExport } from '../generator/index.ts';
import { oneConversation, writeOneConversation } from './one-conversation.ts';

export interface ExportFile extends GeneratedExport {
  path: string;
}

export const SEED = 1;

/** An export of so many millions of uncompressed bytes; made once for each size and kept in the temporary folder. */
export async function exportOf(mb: number, changedShare = 0): Promise<ExportFile> {
  return cached(`${mb}mb-${changedShare}`, (path) =>
    generateExport({ path, targetBytes: mb * 1e6, seed: SEED, changedShare }),
  );
}

/** An export of a single conversation of that size. */
export async function largeConversation(mb: number): Promise<ExportFile> {
  return cached(`one-${mb}mb`, (path) => writeOneConversation(path, oneConversation(mb * 1e6, SEED)));
}

/** The same conversations in a file of other bytes, which is not known by its hash: the zip with a comment at its end. */
export async function repacked(file: ExportFile, path: string): Promise<ExportFile> {
  await copyFile(file.path, path);
  const comment = Buffer.from('packed again');
  // The last field of a zip without a comment is the comment's length (APPNOTE.TXT 4.3.16).
  const length = Buffer.alloc(2);
  length.writeUInt16LE(comment.length);
  await truncate(path, file.zipBytes - length.length);
  await appendFile(path, Buffer.concat([length, comment]));
  return { ...file, path, zipBytes: file.zipBytes + comment.length };
}

async function cached(name: string, make: (path: string) => Promise<GeneratedExport>): Promise<ExportFile> {
  const folder = join(tmpdir(), `sidecar-exports-${await generatorVersion()}`);
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${name}.zip`);
  const facts = `${path}.json`;
  const known = await readFile(facts, 'utf8').catch(() => null);
  if (known !== null) return { ...(JSON.parse(known) as GeneratedExport), path };
  const made = await make(`${path}.part`);
  await rename(`${path}.part`, path);
  await writeFile(facts, JSON.stringify(made));
  return { ...made, path };
}

/** Changes with the generator's sources, so that no bench reads the export of an older one. */
async function generatorVersion(): Promise<string> {
  const hash = createHash('sha256');
  const folder = new URL('../generator/', import.meta.url);
  for (const name of (await readdir(folder)).sort()) hash.update(await readFile(new URL(name, folder)));
  hash.update(await readFile(new URL('one-conversation.ts', import.meta.url)));
  return hash.digest('hex').slice(0, 12);
}

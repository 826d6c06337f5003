import { bytesOf, dialogue, importZip, makeZip, type ZipPart } from '../builders.ts';

/** A file of conversations with these ids. */
export function shard(name: string, ...ids: string[]): ZipPart {
  return { name, data: bytesOf(ids.map((id) => dialogue(id))) };
}

/** The ids of the conversations of a zip of these parts, in the order in which they are read. */
export async function idsIn(parts: ZipPart[]): Promise<string[]> {
  return (await importZip(makeZip(parts))).conversations.map((conversation) => conversation.externalId);
}

/** One that names these files. */
export const manifest = (...files: string[]): ZipPart => ({
  name: 'export_manifest.json',
  data: bytesOf({
    version: 1,
    export_files: [],
    logical_files: { 'conversations.json': { files, sharded: true } },
  }),
});

import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import { conversationAt, isChanged } from './conversation.ts';
import { imageBytes, imageOf } from './image.ts';
import { toPythonJson } from './python-json.ts';
import { textOf } from './shape.ts';
import { sideFiles } from './side-files.ts';
import { toSlim } from './slim.ts';

const conversationsPerShard = 100;
const chunkChars = 256 * 1024;
/** Local time without the zip's UTC field: the same bytes in every time zone. */
const entryDate = { mtime: new Date(2026, 4, 20, 12, 0, 0), forceDosTimestamp: true };

export interface GeneratedExport {
  conversations: number;
  messages: number;
  /** UTF-8 bytes of what the messages say. */
  textBytes: number;
  /** Of the conversation files, uncompressed. */
  jsonBytes: number;
  zipBytes: number;
}

export interface GenerateOptions {
  path: string;
  /** How many uncompressed bytes of conversations to reach; the last conversation ends above it. */
  targetBytes: number;
  seed: number;
  /** Files of 100 conversations and a manifest, as since February 2026, in place of one file. */
  sharded?: boolean;
  /** `slim` for the form since May 2026, with less of each conversation and `.dat` attachments; `full` when missing. */
  era?: 'full' | 'slim';
  /** Which share of the conversations has grown since; the same conversations are in the export whatever it is. */
  changedShare?: number;
  onProgress?: (done: GeneratedExport) => void;
}

/**
 * Writes an export to `path` in memory that does not grow with it. The same options give the same bytes, and an export
 * with a larger target begins with the conversations of a smaller one.
 */
export async function generateExport(options: GenerateOptions): Promise<GeneratedExport> {
  const { seed, targetBytes, sharded = false, changedShare = 0, era = 'full' } = options;
  const done: GeneratedExport = { conversations: 0, messages: 0, textBytes: 0, jsonBytes: 0, zipBytes: 0 };
  const images: number[] = [];
  /** Bytes as they would be without changes, so that changes do not move the end. */
  let unchangedBytes = 0;

  function make(index: number, changed: boolean) {
    const conversation = conversationAt(seed, index, { changed });
    return era === 'slim' ? toSlim(conversation) : conversation;
  }

  function* conversationTexts(limit: number): Generator<string> {
    let chunk = '[';
    for (let count = 0; count < limit && unchangedBytes < targetBytes; count++) {
      const index = done.conversations;
      const changed = isChanged(seed, index, changedShare);
      const conversation = make(index, changed);
      const text = (count === 0 ? '' : ', ') + toPythonJson(conversation);
      unchangedBytes += changed ? toPythonJson(make(index, false)).length + 2 : text.length;
      done.conversations++;
      for (const node of Object.values(conversation.mapping)) {
        if (node.message === null) continue;
        done.messages++;
        done.textBytes += Buffer.byteLength(textOf(node.message.content));
      }
      if (imageOf(seed, index) !== undefined) images.push(index);
      chunk += text;
      if (chunk.length < chunkChars) continue;
      yield chunk;
      chunk = '';
      options.onProgress?.(done);
    }
    yield `${chunk}]`;
  }

  const zip = new ZipFile();
  const output = createWriteStream(options.path);
  const written = pipeline(zip.outputStream, output);
  // The failure is thrown below; until then nothing else waits for it.
  written.catch(() => undefined);

  async function addConversations(path: string, limit: number): Promise<number> {
    const before = done.jsonBytes;
    const source = Readable.from(countBytes(conversationTexts(limit), done), {
      objectMode: false,
      // Lets the next chunks be written while zlib works on another core.
      highWaterMark: 4 * chunkChars,
    });
    zip.addReadStream(source, path, { ...entryDate, forceZip64Format: targetBytes > 3.9e9 && !sharded });
    await Promise.race([finished(source), written]);
    return done.jsonBytes - before;
  }

  const shards: { path: string; size_bytes: number }[] = [];
  if (sharded) {
    while (unchangedBytes < targetBytes) {
      const path = `conversations-${String(shards.length).padStart(3, '0')}.json`;
      shards.push({ path, size_bytes: await addConversations(path, conversationsPerShard) });
    }
  } else {
    await addConversations('conversations.json', Number.POSITIVE_INFINITY);
  }
  for (const file of sideFiles(seed, shards)) zip.addBuffer(Buffer.from(file.content), file.path, entryDate);
  const imageNames: Record<string, string> = {};
  for (const index of images) {
    const image = imageOf(seed, index);
    // Exports leave out some attachments that conversations speak of.
    if (image === undefined || index % 10 === 0) continue;
    const path = era === 'slim' ? `${image.id}.dat` : `${image.id}-${image.name}`;
    imageNames[path] = image.name;
    zip.addBuffer(imageBytes(seed, index), path, { ...entryDate, compress: false });
  }
  if (era === 'slim') {
    const names = Buffer.from(JSON.stringify(imageNames));
    zip.addBuffer(names, 'conversation_asset_file_names.json', entryDate);
  }
  zip.end();
  await written;
  done.zipBytes = output.bytesWritten;
  options.onProgress?.(done);
  return done;
}

function* countBytes(texts: Iterable<string>, done: GeneratedExport): Generator<Buffer> {
  for (const text of texts) {
    const bytes = Buffer.from(text, 'latin1');
    done.jsonBytes += bytes.length;
    yield bytes;
  }
}

import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import {
  conversationAt,
  type ExportConversation,
  type ExportNode,
  type GeneratedExport,
  textOf,
  toPythonJson,
} from '../generator/index.ts';

/** A conversation of about that size: those of the seed, each hung on the end of the one before. */
export function oneConversation(targetBytes: number, seed: number): ExportConversation {
  const whole = conversationAt(seed, 0);
  let jsonBytes = toPythonJson(whole).length;
  for (let index = 1; jsonBytes < targetBytes; index += 1) {
    const next = conversationAt(seed, index);
    jsonBytes += toPythonJson(next.mapping).length;
    const tip = whole.mapping[whole.current_node];
    for (const [id, node] of Object.entries(next.mapping)) {
      if (node.parent === null) {
        node.parent = whole.current_node;
        tip?.children.push(id);
      }
      whole.mapping[id] = node;
    }
    whole.current_node = next.current_node;
    whole.update_time = Math.max(whole.update_time, next.update_time);
  }
  return whole;
}

/** Writes an export with nothing else in it. */
export async function writeOneConversation(
  path: string,
  whole: ExportConversation,
): Promise<GeneratedExport> {
  const json = Buffer.from(`[${toPythonJson(whole)}]`, 'latin1');
  const zip = new ZipFile();
  zip.addBuffer(json, 'conversations.json');
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(path));
  const messages = Object.values(whole.mapping).flatMap((node: ExportNode) => node.message ?? []);
  return {
    conversations: 1,
    messages: messages.length,
    textBytes: messages.reduce((sum, message) => sum + Buffer.byteLength(textOf(message.content)), 0),
    jsonBytes: json.length,
    zipBytes: (await stat(path)).size,
  };
}

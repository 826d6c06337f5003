import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConversation } from '../../src/archive/conversation.ts';
import { openExport } from '../../src/archive/export.ts';
import { giveBack } from '../../src/own-memory.ts';

/** Reads an export to conversations as an import does, and throws them away; answers how many there were. */
export async function readAndParse(path: string): Promise<number> {
  const archive = await openExport(path, {
    limits: { maxExpandedBytes: Number.MAX_SAFE_INTEGER },
    tempPath: join(tmpdir(), 'sidecar-bench.inner'),
  });
  let conversations = 0;
  try {
    for (const shard of archive.shards) {
      for await (const slice of archive.readShard(shard)) {
        if (!slice.bytes) continue;
        if (readConversation(slice.bytes).kind === 'conversation') conversations += 1;
        giveBack(slice.bytes);
      }
    }
  } finally {
    await archive.close();
  }
  return conversations;
}

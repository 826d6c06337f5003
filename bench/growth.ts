import { join } from 'node:path';
import { undoSync } from '../src/domain/sync/undo.ts';
import { conversationAt, type ExportConversation } from './generator/index.ts';
import { SEED } from './import/exports.ts';
import { oneConversation, writeOneConversation } from './import/one-conversation.ts';
import { runImport } from './import/run-import.ts';
import { type BenchOptions, openStage } from './import/stage.ts';
import { mebibytes, median, printTable, timed } from './table.ts';

const FIRST_MB = 0.05;
const IMPORTS = 200;
/** How many imports one row of the table is the median of. */
const ROW_IMPORTS = 5;
const ROWS = [10, 50, 100, 150, IMPORTS];

/** Imports a conversation that grows by a question and an answer before each import, and prints how long they take. */
export async function benchGrowth(options: BenchOptions): Promise<void> {
  for (const mb of options.mb.length > 0 ? options.mb : [FIRST_MB]) {
    const stage = await openStage(options);
    try {
      const viewer = await stage.addUser();
      const worker = await stage.startWorker();
      const conversation = oneConversation(mb * 1e6, SEED);
      const path = join(stage.folder, 'growing.zip');
      const seconds: number[] = [];
      let lastTask = '';
      let jsonBytes = 0;
      for (let number = 0; number < IMPORTS; number += 1) {
        const file = { ...(await writeOneConversation(path, conversation)), path };
        const { searchReady, task } = await runImport(stage, viewer, file);
        seconds.push(searchReady);
        lastTask = task.id;
        jsonBytes = file.jsonBytes;
        grow(conversation, number);
      }
      const undo = await timed(() => undoSync(stage.services, viewer, lastTask));
      const { peakRssBytes, cpuSeconds } = await worker.usage();
      printTable(
        [`imports of a conversation that grows from ${mb} to ${(jsonBytes / 1e6).toFixed(2)} MB`, 's'],
        [
          ...ROWS.map((end) => [
            `${end - ROW_IMPORTS + 1} to ${end}, median`,
            median(seconds.slice(end - ROW_IMPORTS, end)).toFixed(2),
          ]),
          ['undoing the last', undo.toFixed(2)],
          ['worker CPU, all of them', cpuSeconds.toFixed(1)],
          ['worker peak MiB', mebibytes(peakRssBytes)],
        ],
      );
    } finally {
      await stage.close();
    }
  }
}

/** Hangs the first question and answer of another conversation on the end. */
function grow(whole: ExportConversation, number: number): void {
  const nodes = Object.values(conversationAt(SEED + 1, number).mapping);
  for (const role of ['user', 'assistant']) {
    const node = nodes.find(({ message }) => message?.author.role === role);
    if (!node) throw new Error(`the generator made no message of the ${role}`);
    whole.mapping[whole.current_node]?.children.push(node.id);
    whole.mapping[node.id] = { ...node, parent: whole.current_node, children: [] };
    whole.current_node = node.id;
  }
  whole.update_time += 60;
}

import { type ExportFile, exportOf, largeConversation } from './import/exports.ts';
import { runImport } from './import/run-import.ts';
import { type BenchOptions, openStage } from './import/stage.ts';
import { mebibytes, printTable } from './table.ts';

const SIZES_MB = [50, 400, 2_000];
const LARGE_CONVERSATION_MB = 60;

/** Prints how much memory a worker takes at most, for exports of several sizes and for one very long conversation. */
export async function benchRss(options: BenchOptions): Promise<void> {
  const sizes = options.mb.length > 0 ? options.mb : SIZES_MB;
  const files: [string, () => Promise<ExportFile>][] = sizes.map((mb) => [`${mb} MB`, () => exportOf(mb)]);
  files.push([
    `one conversation of ${LARGE_CONVERSATION_MB} MB`,
    () => largeConversation(LARGE_CONVERSATION_MB),
  ]);
  const rows: string[][] = [];
  for (const [name, make] of files) {
    const file = await make();
    const stage = await openStage(options);
    try {
      const viewer = await stage.addUser();
      const worker = await stage.startWorker();
      const idle = await worker.usage();
      const { searchReady } = await runImport(stage, viewer, file);
      const { peakRssBytes, residentFileBytes, cpuSeconds } = await worker.usage();
      rows.push([
        name,
        mebibytes(idle.peakRssBytes),
        mebibytes(peakRssBytes),
        mebibytes(residentFileBytes),
        searchReady.toFixed(1),
        cpuSeconds.toFixed(1),
      ]);
    } finally {
      await stage.close();
    }
  }
  printTable(
    ['export', 'idle MiB', 'peak MiB (goal <= 256)', 'of it files', 'search ready s', 'worker CPU s'],
    rows,
  );
}

import { join } from 'node:path';
import { type ExportFile, exportOf, repacked } from './import/exports.ts';
import { type Dump, dumpRows, inflateAndHash, inflateAndScan, resetFloors } from './import/floors.ts';
import { readAndParse } from './import/read.ts';
import { countRowsSince, mark } from './import/row-changes.ts';
import { runImport } from './import/run-import.ts';
import { type BenchOptions, openStage, type Stage } from './import/stage.ts';
import { mebibytes, median, printTable, timed } from './table.ts';

const CHANGED_SHARE = 0.05;

/** Seconds unless the name says otherwise. */
interface Run {
  scan: number;
  hash: number;
  read: number;
  plainCopy: number;
  indexedCopy: number;
  download: number;
  rowsReadable: number;
  firstHit: number;
  searchReady: number;
  indexSorted: number;
  unchanged: number;
  rowsWrittenByUnchanged: number;
  changed: number;
  workerCpu: number;
  peakRssBytes: number;
}

/** Imports an export first, unchanged and changed, and prints the times against the floors of the same run. */
export async function benchImport(options: BenchOptions): Promise<void> {
  for (const mb of options.mb.length > 0 ? options.mb : [50]) {
    const file = await exportOf(mb);
    const grown = await exportOf(mb, CHANGED_SHARE);
    const stage = await openStage(options);
    try {
      const runs: Run[] = [];
      for (let run = 0; run < options.runs; run += 1) runs.push(await measure(stage, file, grown));
      report(file, runs);
    } finally {
      await stage.close();
    }
  }
}

async function measure(stage: Stage, file: ExportFile, grown: ExportFile): Promise<Run> {
  const read = await timedCount(file, readAndParse);
  const scan = await timedCount(file, inflateAndScan);
  const hash = await timedCount(file, inflateAndHash);

  await stage.reset();
  const viewer = await stage.addUser();
  const worker = await stage.startWorker();
  const first = await runImport(stage, viewer, file);
  const { cpuSeconds } = await worker.usage();
  const dump = await dumpRows(stage);

  const before = await mark(stage);
  const again = await repacked(file, join(stage.folder, 'again.zip'));
  const unchanged = await runImport(stage, viewer, again);
  const rowsWrittenByUnchanged = await countRowsSince(stage, before);
  const changed = await runImport(stage, viewer, grown);
  const { peakRssBytes } = await worker.usage();
  await worker.stop();
  if (changed.task.updated === 0) throw new Error('the changed export changed nothing');

  return {
    scan,
    hash,
    read,
    ...(await measureCopies(stage, dump)),
    download: first.download,
    rowsReadable: first.rowsReadable,
    firstHit: first.firstHit,
    searchReady: first.searchReady,
    indexSorted: first.indexSorted,
    unchanged: unchanged.searchReady,
    rowsWrittenByUnchanged,
    changed: changed.indexSorted,
    workerCpu: cpuSeconds,
    peakRssBytes,
  };
}

async function timedCount(file: ExportFile, work: (path: string) => Promise<number>): Promise<number> {
  let count = 0;
  const seconds = await timed(async () => {
    count = await work(file.path);
  });
  if (count !== file.conversations) throw new Error(`${work.name} found ${count} conversations`);
  return seconds;
}

async function measureCopies(stage: Stage, dump: Dump) {
  await resetFloors(stage);
  const plainCopy = await timed(dump.copyPlain);
  await resetFloors(stage);
  const indexedCopy = await timed(dump.copyIndexed);
  await resetFloors(stage);
  return { plainCopy, indexedCopy };
}

function report(file: ExportFile, runs: Run[]): void {
  const of = (pick: (run: Run) => number) => median(runs.map(pick));
  const seconds = (pick: (run: Run) => number) => of(pick).toFixed(2);
  /** The median of the runs' own ratios. */
  const ratio = (what: string, pick: (run: Run) => number, floor: (run: Run) => number, goal: number) => {
    const value = of((run) => pick(run) / floor(run));
    return [
      what,
      seconds(pick),
      seconds(floor),
      value.toFixed(2),
      `<= ${goal}`,
      value <= goal ? 'yes' : 'no',
    ];
  };
  const limit = (what: string, value: number, digits: number, goal: number) => {
    const text = value.toFixed(digits);
    return [what, text, '', '', `<= ${goal}`, value <= goal ? 'yes' : 'no'];
  };
  const mb = file.jsonBytes / 1e6;
  process.stdout.write(
    `\n${mb.toFixed(0)} MB, ${file.conversations} conversations, ${file.messages} messages, zip ${(file.zipBytes / 1e6).toFixed(1)} MB; ${runs.length} runs, medians\n\n`,
  );
  printTable(
    ['part', 's', 'MB/s', 'messages/s'],
    (
      [
        ['inflate + scan', (run) => run.scan],
        ['inflate + hash', (run) => run.hash],
        ['read + parse', (run) => run.read],
        ['plain COPY', (run) => run.plainCopy],
        ['COPY into the indexed table', (run) => run.indexedCopy],
        ['download over loopback', (run) => run.download],
        ['rows readable', (run) => run.rowsReadable],
        ['search ready', (run) => run.searchReady],
        ['index sorted', (run) => run.indexSorted],
        ['unchanged re-import', (run) => run.unchanged],
        ['5 % changed re-import', (run) => run.changed],
        ['CPU of the worker, start and first import', (run) => run.workerCpu],
      ] satisfies [string, (run: Run) => number][]
    ).map(([what, pick]) => [
      what,
      seconds(pick),
      (mb / of(pick)).toFixed(1),
      (file.messages / of(pick)).toFixed(0),
    ]),
  );
  printTable(
    ['what', 'value', 'floor', 'ratio', 'goal', 'met'],
    [
      ratio(
        'read + parse / (inflate + scan)',
        (run) => run.read,
        (run) => run.scan,
        1.5,
      ),
      ratio(
        'rows readable / larger of read + parse and plain COPY',
        (run) => run.rowsReadable,
        (run) => Math.max(run.read, run.plainCopy),
        1.3,
      ),
      ratio(
        'index sorted / COPY into the indexed table',
        (run) => run.indexSorted,
        (run) => run.indexedCopy,
        0.6,
      ),
      limit(
        'first hit after the start, s',
        of((run) => run.firstHit),
        2,
        2,
      ),
      ratio(
        'unchanged re-import / (inflate + hash)',
        (run) => run.unchanged,
        (run) => run.hash,
        1.3,
      ),
      limit('rows written by it', Math.max(...runs.map((run) => run.rowsWrittenByUnchanged)), 0, 0),
      ratio(
        '5 % changed re-import / first',
        (run) => run.changed,
        (run) => run.indexSorted,
        0.12,
      ),
      limit('peak RSS of the worker, MiB', Number(mebibytes(of((run) => run.peakRssBytes))), 0, 256),
    ],
  );
}

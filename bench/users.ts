import { exportOf } from './import/exports.ts';
import { runImport } from './import/run-import.ts';
import { type BenchOptions, openStage, type Stage } from './import/stage.ts';
import { median, printTable, timed } from './table.ts';

const USERS = 10;
const WORKERS = 2;
const EXPORT_MB = 20;
const GOAL = 0.9;

/** Prints how fast ten users import at once on two workers, against one user alone on one. Speed is until search is ready. */
export async function benchUsers(options: BenchOptions): Promise<void> {
  const file = await exportOf(options.mb[0] ?? EXPORT_MB);
  const mb = file.jsonBytes / 1e6;
  const stage = await openStage(options);
  try {
    const alone: number[] = [];
    const together: number[] = [];
    for (let run = 0; run < options.runs; run += 1) {
      alone.push(mb / (await timeImports(stage, 1, 1)));
      together.push((USERS * mb) / (await timeImports(stage, USERS, WORKERS)));
    }
    const ratio = median(together.map((speed, run) => speed / (alone[run] ?? Number.NaN)));
    printTable(
      ['users x export', 'workers', 'MB/s', 'ratio', `goal >= ${GOAL}`],
      [
        [`1 x ${mb.toFixed(0)} MB`, '1', median(alone).toFixed(2)],
        [
          `${USERS} x ${mb.toFixed(0)} MB`,
          String(WORKERS),
          median(together).toFixed(2),
          ratio.toFixed(2),
          ratio >= GOAL ? 'met' : 'not met',
        ],
      ],
    );
  } finally {
    await stage.close();
  }

  async function timeImports(stage: Stage, users: number, workers: number): Promise<number> {
    await stage.reset();
    const viewers = await Promise.all(Array.from({ length: users }, stage.addUser));
    const processes = await Promise.all(Array.from({ length: workers }, stage.startWorker));
    const seconds = await timed(() => Promise.all(viewers.map((viewer) => runImport(stage, viewer, file))));
    for (const worker of processes) await worker.stop();
    return seconds;
  }
}

import { exportOf } from '../import/exports.ts';
import type { Stage } from '../import/stage.ts';
import { mebibytes, printTable, quantile } from '../table.ts';
import { importForAll } from './imports.ts';

const USERS = 200;
const WORKERS = [1, 2, 4];

/** Prints how fast 200 users import at once through one, two and four workers, and how long they wait for one. */
export async function measureManyUsers(stage: Stage, mb: number): Promise<void> {
  const file = await exportOf(mb);
  const rows: string[][] = [];
  let alone = Number.NaN;
  for (const workers of WORKERS) {
    await stage.reset();
    const viewers = await Promise.all(Array.from({ length: USERS }, stage.addUser));
    const processes = await Promise.all(Array.from({ length: workers }, stage.startWorker));
    const { seconds, waitedSeconds } = await importForAll(stage, viewers, file);
    const peaks = await Promise.all(processes.map(async (each) => (await each.usage()).peakRssBytes));
    for (const worker of processes) await worker.stop();
    const speed = (USERS * file.jsonBytes) / 1e6 / seconds;
    if (workers === 1) alone = speed;
    rows.push([
      String(workers),
      seconds.toFixed(1),
      speed.toFixed(2),
      (speed / alone).toFixed(2),
      quantile(waitedSeconds, 0.5).toFixed(1),
      quantile(waitedSeconds, 0.95).toFixed(1),
      mebibytes(Math.max(...peaks)),
    ]);
  }
  printTable(
    [
      `${USERS} users x ${mb} MB, workers`,
      'seconds',
      'MB/s',
      'of one worker',
      'waited p50 s',
      'waited p95 s',
      'peak MiB of a worker',
    ],
    rows,
  );
}

import { setTimeout as delay } from 'node:timers/promises';
import { serveFile } from '../../src/cli/serve-file.ts';
import { cancelSync } from '../../src/domain/sync/cancel.ts';
import { startSync } from '../../src/domain/sync/task.ts';
import { exportOf } from '../import/exports.ts';
import type { Stage } from '../import/stage.ts';
import { printTable, quantile } from '../table.ts';
import { importForAll } from './imports.ts';

const SMALL_MB = 1;
const SMALL_IMPORTS = 10;
const LARGE_IMPORTS = 4;
const POLL_MS = 100;

/** Prints how long a small import takes, from the request to its end, on an idle worker and behind large ones on the same. */
export async function measureFairness(stage: Stage, largeMb: number): Promise<void> {
  const [small, large] = [await exportOf(SMALL_MB), await exportOf(largeMb)];
  await stage.reset();
  const worker = await stage.startWorker();
  const rows: string[][] = [];
  const measure = async (name: string) => {
    const tookSeconds: number[] = [];
    for (let turn = 0; turn < SMALL_IMPORTS; turn += 1) {
      const done = await importForAll(stage, [await stage.addUser()], small);
      tookSeconds.push(...done.tookSeconds);
    }
    tookSeconds.sort((a, b) => a - b);
    rows.push([name, quantile(tookSeconds, 0.5).toFixed(2), quantile(tookSeconds, 0.95).toFixed(2)]);
  };
  await measure('idle');

  const server = await serveFile(large.path);
  try {
    const viewers = await Promise.all(Array.from({ length: LARGE_IMPORTS }, stage.addUser));
    const tasks = await Promise.all(
      viewers.map(async (viewer) => ({
        viewer,
        task: await startSync(stage.services, viewer, { exportUrl: server.url }),
      })),
    );
    const ids = tasks.map(({ task }) => task.id);
    const running = async () => {
      const [row] = await stage.services.database.query<{ importing: number; over: number }>(
        `SELECT count(*) FILTER (WHERE phase = 'IMPORTING')::int AS importing,
           count(*) FILTER (WHERE status NOT IN ('QUEUED', 'RUNNING'))::int AS over
         FROM sync_tasks WHERE id = ANY ($1)`,
        [ids],
      );
      if (!row || row.over > 0)
        throw new Error('a large import was over before the small ones: take a larger one');
      return row.importing > 0;
    };
    while (!(await running())) await delay(POLL_MS);
    await measure(`behind ${LARGE_IMPORTS} x ${largeMb} MB`);
    await running();
    for (const { viewer, task } of tasks) await cancelSync(stage.services, viewer, task.id);
  } finally {
    server.close();
  }
  await worker.stop();
  printTable([`small import (${SMALL_MB} MB)`, 'p50 s', 'p95 s'], rows);
}

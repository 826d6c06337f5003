import { setTimeout as delay } from 'node:timers/promises';
import { search } from '../../src/domain/search.ts';
import type { Services } from '../../src/domain/services.ts';
import type { Viewer } from '../../src/domain/viewer.ts';
import { exportOf } from '../import/exports.ts';
import { runImport } from '../import/run-import.ts';
import type { Stage } from '../import/stage.ts';
import { quantile } from '../table.ts';

const EXPORT_MB = 50;
const IDLE_SEARCHES = 300;
/** Between two searches: some ten a second, as of many people at once. */
const PAUSE_MS = 50;
const GOAL = 2;

/** Somebody and what they look for, one query after the other. */
export interface Searcher {
  name: string;
  viewer: Viewer;
  queries: string[];
}

/**
 * Rows of a table: how long searches take while nothing else goes on, and while a worker imports an export of somebody
 * else into the same database, `runs` times.
 */
export async function measureDuringImport(
  stage: Stage,
  searchers: Searcher[],
  runs: number,
): Promise<string[][]> {
  const file = await exportOf(EXPORT_MB);
  const worker = await stage.startWorker();
  const times = searchers.map((searcher) => ({ ...searcher, idle: [] as number[], during: [] as number[] }));
  let fired = 0;
  const fire = async (when: 'idle' | 'during') => {
    const searcher = times[fired % times.length];
    const query = searcher?.queries[Math.floor(fired / times.length) % searcher.queries.length];
    fired += 1;
    if (searcher && query) searcher[when].push(await timeSearch(stage.services, searcher.viewer, query));
    await delay(PAUSE_MS);
  };
  while (fired < IDLE_SEARCHES) await fire('idle');
  for (let run = 0; run < runs; run += 1) {
    let over = false;
    const imported = runImport(stage, await stage.addUser(), file).finally(() => {
      over = true;
    });
    while (!over) await fire('during');
    await imported;
  }
  await worker.stop();
  return times.map(({ name, idle, during }) => {
    const ratio = quantile(during, 0.95) / quantile(idle, 0.95);
    return [
      name,
      `${idle.length}, ${during.length}`,
      ...[0.5, 0.95].flatMap((share) => [
        quantile(idle, share).toFixed(1),
        quantile(during, share).toFixed(1),
      ]),
      ratio.toFixed(2),
      ratio <= GOAL ? 'met' : 'not met',
    ];
  });
}

async function timeSearch(services: Services, viewer: Viewer, query: string): Promise<number> {
  const start = performance.now();
  await search(services, viewer, { query, limit: 20 });
  return performance.now() - start;
}

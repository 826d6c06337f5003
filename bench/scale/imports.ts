import { setTimeout as delay } from 'node:timers/promises';
import { serveFile } from '../../src/cli/serve-file.ts';
import { startSync } from '../../src/domain/sync/task.ts';
import type { Viewer } from '../../src/domain/viewer.ts';
import type { ExportFile } from '../import/exports.ts';
import type { Stage } from '../import/stage.ts';

const POLL_MS = 100;

export interface ImportsDone {
  /** From the first request until the last task is over. */
  seconds: number;
  /** How long each task waited for a worker, ascending. */
  waitedSeconds: number[];
  /** How long each task took from the request to its end, ascending. */
  tookSeconds: number[];
}

/** Has each user import the export at the same time. Throws unless every conversation arrives for everybody. */
export async function importForAll(stage: Stage, viewers: Viewer[], file: ExportFile): Promise<ImportsDone> {
  const server = await serveFile(file.path);
  try {
    const startMs = performance.now();
    const tasks = await Promise.all(
      viewers.map((viewer) => startSync(stage.services, viewer, { exportUrl: server.url })),
    );
    const ids = tasks.map(({ id }) => id);
    while ((await unfinished(stage, ids)) > 0) await delay(POLL_MS);
    const seconds = (performance.now() - startMs) / 1_000;
    const rows = await stage.services.database.query<{
      status: string;
      done: number;
      waited: number;
      took: number;
    }>(
      `SELECT status, conversations_done AS done,
         extract(epoch FROM started_at - created_at)::float8 AS waited,
         extract(epoch FROM finished_at - created_at)::float8 AS took
       FROM sync_tasks WHERE id = ANY ($1)`,
      [ids],
    );
    const wrong = rows.filter(({ status, done }) => status !== 'COMPLETED' || done !== file.conversations);
    if (wrong.length > 0)
      throw new Error(`${wrong.length} imports went wrong, the first: ${wrong[0]?.status}`);
    const ascending = (values: number[]) => values.toSorted((a, b) => a - b);
    return {
      seconds,
      waitedSeconds: ascending(rows.map(({ waited }) => waited)),
      tookSeconds: ascending(rows.map(({ took }) => took)),
    };
  } finally {
    server.close();
  }
}

async function unfinished({ services }: Stage, ids: string[]): Promise<number> {
  const [row] = await services.database.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM sync_tasks WHERE id = ANY ($1) AND status IN ('QUEUED', 'RUNNING')`,
    [ids],
  );
  return row?.count ?? 0;
}

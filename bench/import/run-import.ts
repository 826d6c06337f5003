import { access } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { serveFile } from '../../src/cli/serve-file.ts';
import { narrowSearch } from '../../src/domain/search/filter.ts';
import { rankAll } from '../../src/domain/search/match.ts';
import { FINAL_STATUSES, startSync } from '../../src/domain/sync/task.ts';
import type { Viewer } from '../../src/domain/viewer.ts';
import type { SyncTask } from '../../src/generated/prisma/client.ts';
import { parseQuery } from '../../src/text/query.ts';
import { topicOf } from '../generator/index.ts';
import { type ExportFile, SEED } from './exports.ts';
import type { Stage } from './stage.ts';

/** Seconds; all but the first since the archive was whole on the worker's disk. */
export interface ImportTimes {
  download: number;
  /** Every conversation of the export is committed. */
  rowsReadable: number;
  /** The first search finds something. */
  firstHit: number;
  /** The task is over, and with it the search index. */
  searchReady: number;
  /** What the index put off is sorted into it as well, as after the floor's COPY. */
  indexSorted: number;
  task: SyncTask;
}

/** Until the first hit. */
const POLL_MS = 20;
/** Later a look follows each event, and takes from the machine what is measured: these are for events that never came. */
const LATER_POLL_MS = 500;
/** The first conversations of every export: what a search right after the start can find. */
const FIRST_FACTS = parseQuery(
  Array.from({ length: 5 }, (_, index) => `"${topicOf(SEED, index).answer}"`).join(' OR '),
);

/** Imports an export the way users do, by its URL. Throws unless every conversation arrives. */
export async function runImport(stage: Stage, viewer: Viewer, file: ExportFile): Promise<ImportTimes> {
  const { services } = stage;
  const server = await serveFile(file.path);
  let changed = Promise.withResolvers<void>();
  let stopListening = async () => {};
  try {
    stopListening = await services.events.listen('syncTask', viewer.userId, () => changed.resolve());
    const requestedMs = performance.now();
    const { id } = await startSync(services, viewer, { exportUrl: server.url });
    const archive = services.workspace.archivePath(id);
    while (!(await isThere(archive)) && !(await isOver(stage, id))) await delay(POLL_MS);
    const startedMs = performance.now();
    const since = () => (performance.now() - startedMs) / 1_000;

    let rowsReadable: number | null = null;
    let firstHit: number | null = null;
    for (;;) {
      changed = Promise.withResolvers();
      const over = await isOver(stage, id);
      if (rowsReadable === null && (over || (await conversationsDone(stage, id)) >= file.conversations)) {
        rowsReadable = since();
      }
      if (firstHit === null && (over || (await findsSomething(stage, viewer)))) firstHit = since();
      if (over) break;
      await Promise.race([changed.promise, delay(firstHit === null ? POLL_MS : LATER_POLL_MS)]);
    }
    const searchReady = since();
    await services.database.transaction((tx) =>
      tx.query(`SELECT gin_clean_pending_list('message_search_terms')`),
    );
    const indexSorted = since();
    const task = await services.prisma.syncTask.findFirstOrThrow({ where: { id } });
    if (task.status !== 'COMPLETED' || task.conversationsDone !== file.conversations) {
      throw new Error(
        `the import ended ${task.status}: ${task.errorMessage} (${task.conversationsDone} done)`,
      );
    }
    const download = (startedMs - requestedMs) / 1_000;
    return {
      download,
      rowsReadable: rowsReadable ?? searchReady,
      firstHit: firstHit ?? searchReady,
      searchReady,
      indexSorted,
      task,
    };
  } finally {
    server.close();
    await stopListening();
  }
}

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

async function isOver({ services }: Stage, id: string): Promise<boolean> {
  const [row] = await services.database.query<{ status: SyncTask['status'] }>(
    'SELECT status FROM sync_tasks WHERE id = $1',
    [id],
  );
  return row !== undefined && FINAL_STATUSES.includes(row.status);
}

/** As the batches commit it, which a task's phase tells only a little later. */
async function conversationsDone({ services }: Stage, id: string): Promise<number> {
  const [row] = await services.database.query<{ done: number }>(
    'SELECT conversations_done AS done FROM sync_tasks WHERE id = $1',
    [id],
  );
  return row?.done ?? 0;
}

/** Not by a search of the viewer's, beside which an import takes one core only. */
async function findsSomething({ services }: Stage, viewer: Viewer): Promise<boolean> {
  const { matches } = await rankAll(services, viewer.userId, FIRST_FACTS, narrowSearch({}, 3));
  return matches.length > 0;
}

import { startBackgroundTask } from '../../src/domain/background/task.ts';
import type { Services } from '../../src/domain/services.ts';
import type { Viewer } from '../../src/domain/viewer.ts';
import { openDatabase } from '../../src/infra/database.ts';
import { openEmbeddingModel } from '../../src/infra/embeddings.ts';
import { migrate } from '../../src/infra/migrate.ts';
import { prepareVectors } from '../../src/infra/vectors.ts';
import { embeddingsKey, startEmbeddingsServer } from '../../test/support/embeddings-server.ts';
import { startPglite } from '../../test/support/pglite.ts';
import { createBackgroundProcessor } from '../../worker/background.ts';

/** Hashed n-grams need room, or all long texts look alike. */
const DIMENSIONS = 1_024;
const CONTEXT_TOKENS = 8_192;
/** Conversations that are moved at once. */
const PAGE = 50;

/**
 * The same archive in a PostgreSQL with pgvector, which the embedded one has not, beside a model on loopback whose
 * vectors are hashed n-grams: they know words that look alike, and nothing of what words mean. Rows are moved, for PGlite
 * takes no COPY; the vectors are reckoned by the worker's own processor.
 */
export async function openMeaning(
  services: Services,
  viewer: Viewer,
): Promise<{ services: Services; close(): Promise<void> }> {
  const { logger } = services;
  const closers: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const model = await startEmbeddingsServer(DIMENSIONS);
    closers.push(model.close);
    const pglite = await startPglite();
    closers.push(pglite.close);
    await migrate(pglite.url, logger);
    const { prisma, database, close: closeDatabase } = openDatabase({ url: pglite.url, logger });
    closers.push(closeDatabase);
    const config = {
      baseUrl: model.url,
      apiKey: embeddingsKey,
      model: 'n-grams',
      contextTokens: CONTEXT_TOKENS,
    };
    const meaning: Services = {
      ...services,
      prisma,
      database,
      embeddings: openEmbeddingModel(config, logger),
      vectors: await prepareVectors(database, logger, true),
    };
    await moveRows(services, meaning, viewer.userId);
    await reckon(meaning, viewer);
    return { services: meaning, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function moveRows(from: Services, to: Services, userId: string): Promise<void> {
  await to.database.query('INSERT INTO users (id) VALUES ($1)', [userId]);
  const rows = await from.database.query<{ id: string }>('SELECT id FROM conversations WHERE user_id = $1', [
    userId,
  ]);
  const ids = rows.map(({ id }) => id);
  for (let at = 0; at < ids.length; at += PAGE) {
    for (const [table, key] of [
      ['conversations', 'id'],
      ['messages', 'conversation_id'],
      ['message_search', 'conversation_id'],
    ] as const) {
      const [page] = await from.database.query<{ rows: string }>(
        `SELECT coalesce(json_agg(t), '[]')::text AS rows FROM ${table} t WHERE user_id = $1 AND ${key} = ANY($2::uuid[])`,
        [userId, ids.slice(at, at + PAGE)],
      );
      await to.database.query(
        `INSERT INTO ${table} SELECT * FROM json_populate_recordset(NULL::${table}, $1)`,
        [page?.rows],
      );
    }
  }
}

async function reckon(services: Services, viewer: Viewer): Promise<void> {
  const { id: taskId } = await startBackgroundTask(services, viewer, 'EMBEDDING', {});
  const { userId } = viewer;
  await createBackgroundProcessor(services)({ userId, taskId }, new AbortController().signal);
  const task = await services.prisma.backgroundTask.findFirstOrThrow({ where: { userId, id: taskId } });
  if (task.status !== 'COMPLETED')
    throw new Error(`The vectors were not reckoned: the task ended ${task.status}, ${task.errorMessage}`);
}

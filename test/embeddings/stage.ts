import { type EmbeddingsServer, embeddingsKey, startEmbeddingsServer } from '../support/embeddings-server.ts';
import { exportOf } from '../support/exports.ts';
import { startPglite } from '../support/pglite.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { sync } from '../support/syncs.ts';

const MOVED = [
  'conversations',
  'conversation_versions',
  'messages',
  'message_search',
  'imported_archives',
  'sync_tasks',
];

export interface Stage {
  /** The server on a database with pgvector. */
  server: TestServer;
  model: EmbeddingsServer;
  /** A user who has imported these, with nothing reckoned yet; and where the same export lies. */
  userWith(conversations: object[]): Promise<{ user: TestUser; exportUrl: string; taskId: string }>;
  /** In place of the server, one with other variables on the same database. */
  restart(env: Record<string, string>): Promise<TestServer>;
  close(): Promise<void>;
}

/**
 * Imports on the run's own PostgreSQL and moves the rows, because PGlite takes no COPY; everything after that is done by
 * the real server on PGlite.
 */
export async function startStage(): Promise<Stage> {
  const model = await startEmbeddingsServer();
  const vectors = await startPglite();
  const origin = await startTestServer({ backend: 'postgres' });
  const start = (env: Record<string, string> = {}) =>
    startTestServer({
      backend: 'redis',
      env: {
        DB_URL: vectors.url,
        EMBEDDINGS_BASE_URL: model.url,
        EMBEDDINGS_API_KEY: embeddingsKey,
        EMBEDDINGS_MODEL: 'grams',
        ...env,
      },
    });
  const stage: Stage = {
    server: await start(),
    model,
    async userWith(conversations) {
      const bytes = await exportOf(conversations);
      const importer = await origin.asUser();
      const { id: taskId, status } = await sync(importer.client, origin.exports.serve(bytes).url);
      if (status !== 'COMPLETED') throw new Error(`The import ended ${status}.`);
      const user = await stage.server.asUser();
      for (const table of MOVED) await moveRows(table, importer, user);
      return { user, taskId, exportUrl: stage.server.exports.serve(bytes).url };
    },
    async restart(env) {
      await stage.server.close();
      stage.server = await start(env);
      return stage.server;
    },
    async close() {
      await stage.server.close();
      await origin.close();
      await vectors.close();
      await model.close();
    },
  };
  const moveRows = async (table: string, from: TestUser, to: TestUser) => {
    const [row] = await origin.services.database.query<{ rows: object[] | null }>(
      `SELECT json_agg(to_jsonb(t) || jsonb_build_object('user_id', $2::text)) AS rows FROM ${table} t WHERE user_id = $1`,
      [from.viewer.userId, to.viewer.userId],
    );
    await stage.server.services.database.query(
      `INSERT INTO ${table} SELECT * FROM json_populate_recordset(NULL::${table}, $1)`,
      [JSON.stringify(row?.rows ?? [])],
    );
  };
  return stage;
}

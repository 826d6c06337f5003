import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ConflictError } from '../../src/domain/errors.ts';
import { localId } from '../../src/domain/global-id.ts';
import type { Services } from '../../src/domain/services.ts';
import { retrySync } from '../../src/domain/sync/retry.ts';
import { undoSync } from '../../src/domain/sync/undo.ts';
import { dialogue } from '../archive/builders.ts';
import { grown } from '../support/conversations.ts';
import { exportOf } from '../support/exports.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { readTask, sync } from '../support/syncs.ts';
import { until } from '../support/until.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
});
afterAll(() => server.close());

const refuse = async () => {
  throw new Error('an error of the disk');
};

test('An undo that is committed is told at once and answers success, though nothing that follows succeeds', async () => {
  const user = await server.asUser();
  await sync(user.client, server.exports.serve(await exportOf([dialogue('a')])).url);
  const { id } = await sync(user.client, server.exports.serve(await exportOf([grown('a')])).url);
  const { events, workspace, database } = server.services;
  const heard: (number | undefined)[] = [];
  const stop = await events.listen('syncTask', user.viewer.userId, (event) => heard.push(event?.seq));
  let transactions = 0;
  const services: Services = {
    ...server.services,
    workspace: { ...workspace, removeArchive: refuse },
    database: {
      ...database,
      transaction: (work) => {
        transactions += 1;
        return transactions === 1 ? database.transaction(work) : refuse();
      },
    },
  };
  expect(await undoSync(services, user.viewer, localId('SyncTask', id))).toMatchObject({ status: 'UNDONE' });
  const { seq } = await readTask(user.client, id);
  await until('the undo is told', () => heard.includes(seq));
  await stop();
});

/** A task that is over, with nothing in it. */
async function insertTask({ viewer }: TestUser): Promise<string> {
  const id = uuidv7();
  await server.services.database.query(
    `INSERT INTO sync_tasks (user_id, id, trigger, status, phase, source, finished_at)
     VALUES ($1, $2, 'UPLOAD', 'PARTIAL', 'DONE', 'some.zip', now())`,
    [viewer.userId, id],
  );
  return id;
}

/** Between the look whether a task may be undone and the undo something happens. */
function afterTheLook(happens: () => Promise<unknown>): Services {
  const { database } = server.services;
  let hasHappened = false;
  return {
    ...server.services,
    database: {
      ...database,
      async transaction(work) {
        if (!hasHappened) await happens();
        hasHappened = true;
        return database.transaction(work);
      },
    },
  };
}

test('An undo that a retry of the same task overtakes is refused', async () => {
  const user = await server.asUser();
  const id = await insertTask(user);
  const retried = afterTheLook(() =>
    server.services.database.query(
      `UPDATE sync_tasks SET status = 'RUNNING', heartbeat_at = now() WHERE user_id = $1 AND id = $2`,
      [user.viewer.userId, id],
    ),
  );
  await expect(undoSync(retried, user.viewer, id)).rejects.toThrow(ConflictError);
});

test('Of two undos at the same time both answer that it is undone', async () => {
  const user = await server.asUser();
  const id = await insertTask(user);
  const undone = afterTheLook(() => undoSync(server.services, user.viewer, id));
  expect(await undoSync(undone, user.viewer, id)).toMatchObject({ status: 'UNDONE' });
});

test('A retry of a stopped task waits for an undo that runs, and neither fails', async () => {
  const user = await server.asUser();
  const { id } = await sync(user.client, server.exports.serve(await exportOf([dialogue('b')])).url);
  const stopped = await insertTask(user);
  const { database } = server.services;
  await database.query(
    `UPDATE sync_tasks SET status = 'CANCELLED', checkpoint = '{"shard":"conversations.json","element":1}' WHERE id = $1`,
    [stopped],
  );
  let retried: Promise<string> | undefined;
  const services: Services = {
    ...server.services,
    database: {
      ...database,
      transaction: (work) =>
        database.transaction((tx) =>
          work({
            ...tx,
            query: tx.query.bind(tx),
            async execute(text, values) {
              if (text.startsWith('CREATE TEMP TABLE touched (')) {
                retried = retrySync(server.services, user.viewer, stopped).then(
                  ({ status }) => status,
                  String,
                );
                await until('the retry waits for the undo', async () => {
                  const rows = await database.query(
                    `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
                  );
                  return rows.length > 0;
                });
              }
              return tx.execute(text, values);
            },
          }),
        ),
    },
  };
  expect(await undoSync(services, user.viewer, localId('SyncTask', id))).toMatchObject({ status: 'UNDONE' });
  // A worker may have met by then that its archive is gone; an error would be told by its name.
  expect(await retried).toMatch(/^(QUEUED|RUNNING|FAILED)$/);
});

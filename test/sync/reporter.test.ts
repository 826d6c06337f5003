import { expect, test } from 'vitest';
import { localId } from '../../src/domain/global-id.ts';
import { claimTask } from '../../src/domain/sync/claim.ts';
import { openReporter } from '../../worker/reporter.ts';
import { startTestServer } from '../support/server.ts';
import { startSync } from '../support/syncs.ts';

test('the total of an import that goes on counts what earlier runs have dealt with', async (context) => {
  const server = await startTestServer({ backend: 'postgres', worker: false });
  context.onTestFinished(() => server.close());
  const { services, viewer, client } = server;
  const { id } = await startSync(client, server.exports.serve('').url);
  await services.database.query(
    `UPDATE sync_tasks SET conversations_done = 500, conversations_total = 520, checkpoint = '{"shard":"a","element":500}'`,
  );
  const lease = await claimTask(services, viewer.userId, localId('SyncTask', id));
  if (!lease) throw new Error('The task could not be claimed.');
  const reporter = openReporter(services, lease, () => undefined);
  await reporter.enter('IMPORTING', 0.5, 0.9);
  reporter.bytes(60, 100);
  reporter.conversations(100);
  expect(reporter.snapshot()).toMatchObject({ conversationsTotal: 1_000 });
  await reporter.close();
});

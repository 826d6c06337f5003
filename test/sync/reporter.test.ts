import { expect, test } from 'vitest';
import { localId } from '../../src/domain/global-id.ts';
import { claimTask } from '../../src/domain/sync/claim.ts';
import { openReporter } from '../../worker/reporter.ts';
import { startTestServer } from '../support/server.ts';
import { startSync } from '../support/syncs.ts';
import { until } from '../support/until.ts';

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

test('what many batches wrote in a moment is told at once and at its end', async (context) => {
  const server = await startTestServer({ backend: 'postgres', worker: false });
  context.onTestFinished(() => server.close());
  const { services, viewer, client } = server;
  const { id } = await startSync(client, server.exports.serve('').url);
  const lease = await claimTask(services, viewer.userId, localId('SyncTask', id));
  if (!lease) throw new Error('The task could not be claimed.');
  const told: number[] = [];
  const stopListening = await services.events.listen('syncTask', viewer.userId, (event) => {
    // What was told before it began comes late.
    if (event && event.seq >= 1_000) told.push(event.seq);
  });
  const reporter = openReporter(services, lease, () => undefined);
  for (let seq = 1_000; seq < 1_050; seq += 1) reporter.written(seq);
  await until('the last is told', () => told.at(-1) === 1_049);
  expect(told).toEqual([1_000, 1_049]);
  await stopListening();
  await reporter.close();
});

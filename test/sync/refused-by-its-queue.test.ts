import { expect, inject, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { postgresQueueBackend } from '../../src/infra/queue.ts';
import { openWorker } from '../../worker/worker.ts';
import { query } from '../support/postgres.ts';
import { startTestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

test('a worker whose first question the database refuses does not start, and says why', async () => {
  const server = await startTestServer({ backend: 'postgres', worker: false });
  onTestFinished(server.close);
  const name = new URL(server.databaseUrl).pathname.slice(1);
  const admit = (isAdmitted: boolean) =>
    query(inject('postgresUrl'), `ALTER DATABASE ${name} ALLOW_CONNECTIONS ${isAdmitted}`);
  await admit(false);
  onTestFinished(() => admit(true).then(() => undefined));
  const { worker, sync } = loadConfig({ DB_URL: server.databaseUrl });
  const opening = openWorker(server.services, postgresQueueBackend(server.databaseUrl), {
    ...worker,
    ...sync,
  });
  await expect(opening).rejects.toThrow(/not currently accepting connections/);
});

test('a worker whose queue answers with errors asks it again a second later, not at once', async () => {
  const server = await startTestServer({ backend: 'postgres', worker: false });
  onTestFinished(server.close);
  await query(
    server.databaseUrl,
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not today'; END $$`,
  );
  await query(
    server.databaseUrl,
    'CREATE TRIGGER refuse BEFORE UPDATE ON bullmq.job FOR EACH STATEMENT EXECUTE FUNCTION refuse()',
  );
  await server.startWorker();
  const troubleAt = () =>
    server
      .logged()
      .split('\n')
      .filter((line) => line.includes('worker trouble') && line.includes('not today'))
      .map((line) => (JSON.parse(line) as { time: number }).time);
  const times = await until('it was refused again and again', () => {
    const soFar = troubleAt();
    return soFar.length >= 6 ? soFar : null;
  });
  // The check for stalled jobs is told of as well, now and then.
  expect((times[5] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(2_000);
});

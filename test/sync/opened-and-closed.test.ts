import { isDeepStrictEqual } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { backends, startTestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

test.each(backends)(
  'on %s a worker that is closed as soon as it is opened leaves no connection and no trouble',
  async (backend) => {
    const server = await startTestServer({ backend, worker: false });
    onTestFinished(server.close);
    const connections = () =>
      server.services.database.query(
        `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'sidecar-queue' ORDER BY pid`,
      );
    const before = await connections();
    for (let round = 0; round < 5; round += 1) {
      const worker = await server.startWorker();
      await worker.close();
      await until('its connections are gone', async () => isDeepStrictEqual(await connections(), before));
    }
    expect(server.logged()).not.toContain('trouble');
  },
);

import { expect, onTestFinished, test } from 'vitest';
import { backends, startTestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

test.each(backends)(
  'on %s a worker that is closed as soon as it is opened leaves no connection and no trouble',
  async (backend) => {
    const server = await startTestServer({ backend, worker: false });
    onTestFinished(server.close);
    // The server's own are there before, and end by themselves when it needs them no more.
    const connections = () =>
      server.services.database.query<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'sidecar-queue'`,
      );
    const before = (await connections()).map(({ pid }) => pid);
    const isLeft = ({ pid }: { pid: number }) => !before.includes(pid);
    for (let round = 0; round < 5; round += 1) {
      const worker = await server.startWorker();
      await worker.close();
      await until('its connections are gone', async () => !(await connections()).some(isLeft));
    }
    expect(server.logged()).not.toContain('trouble');
  },
);

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dialogue } from './archive/builders.ts';
import { exportOf } from './support/exports.ts';
import { backends, startTestServer, type TestServer } from './support/server.ts';
import { readTask, startSync, untilOver } from './support/syncs.ts';
import { until } from './support/until.ts';

const LARGE_BYTES = 4_000;

describe.each(backends)('On the %s back end', (backend) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      backend,
      env: { WORKER_CONCURRENCY: '2', LARGE_ARCHIVE_BYTES: String(LARGE_BYTES) },
    });
  });
  afterAll(() => server.close());

  test('a small import does not wait for large ones, and each large one gets its turn', async () => {
    const many = Array.from({ length: 400 }, (_, index) => dialogue(`large${index}`));
    const large = await exportOf(many);
    expect(large.length).toBeGreaterThan(LARGE_BYTES);
    const [first, second, third] = [await server.asUser(), await server.asUser(), await server.asUser()];
    const [held, waiting] = [
      server.exports.serve(large, { held: true }),
      server.exports.serve(large, { held: true }),
    ];
    const running = await startSync(first.client, held.url);
    await until('the first large import is fetched', () => held.answers.length > 0);
    const queued = await startSync(second.client, waiting.url);
    await until('the second one is known to be large, and waits', async () => {
      const { status, attempt } = await readTask(second.client, queued.id);
      return waiting.answers.length > 0 && status === 'QUEUED' && attempt === 0;
    });

    const small = await startSync(
      third.client,
      server.exports.serve(await exportOf([dialogue('small')])).url,
    );
    expect(await untilOver(third.client, small.id)).toMatchObject({ status: 'COMPLETED' });
    expect(await readTask(first.client, running.id)).toMatchObject({ status: 'RUNNING' });
    expect(await readTask(second.client, queued.id)).toMatchObject({ status: 'QUEUED' });

    for (const file of [held, waiting]) file.release();
    for (const [user, task] of [[first, running] as const, [second, queued] as const]) {
      expect(await untilOver(user.client, task.id)).toMatchObject({
        status: 'COMPLETED',
        counts: { added: many.length },
      });
    }
    expect(server.logged()).not.toContain('a job failed');
  });
});

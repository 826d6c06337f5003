import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import { backends, startTestServer, type TestServer } from '../support/server.ts';
import { startSync } from '../support/syncs.ts';
import { setWebStage, visit } from '../web/stage.ts';

const PATH = '/admin/queues/';

describe.each(backends)('The board of the queue on the %s back end', (backend) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ backend, worker: false });
  });
  afterAll(() => server.close());

  const ask = (apiKey?: string) =>
    fetch(`${server.url}${PATH}api/queues?activeQueue=sidecar&status=waiting`, {
      headers: apiKey === undefined ? {} : { 'x-api-key': apiKey },
    });

  test('shows an administrator the jobs that wait, and nobody else anything', async () => {
    const { id } = await startSync(
      server.client,
      server.exports.serve(await exportOf([dialogue('one')])).url,
    );
    const answer = await ask(server.apiKey);
    expect(answer.status).toBe(200);
    const { queues } = (await answer.json()) as {
      queues: { name: string; readOnlyMode: boolean; jobs: { data: unknown }[] }[];
    };
    expect(queues).toMatchObject([{ name: 'sidecar', readOnlyMode: true }]);
    const [, taskId] = Buffer.from(id, 'base64').toString().split(':');
    expect(queues[0]?.jobs).toMatchObject([{ data: { taskId } }]);
    const user = await server.asUser();
    expect((await ask(user.apiKey)).status).toBe(403);
    expect((await ask()).status).toBe(401);
  });

  test('lets nobody change a job', async () => {
    const answer = await fetch(`${server.url}${PATH}api/queues/sidecar/pause`, {
      method: 'PUT',
      headers: { 'x-api-key': server.apiKey },
    });
    expect(answer.status).toBe(405);
  });
});

describe('The page of the board', () => {
  const stage = setWebStage({ worker: false });

  test('works in a browser that is signed in, with files of this server alone', async () => {
    const { page, context } = await visit(stage, '/', { apiKey: stage.server.apiKey });
    const origins = new Set<string>();
    page.on('requestfinished', (request) => origins.add(new URL(request.url()).origin));
    await page.goto(PATH);
    await page.getByText('sidecar', { exact: true }).first().waitFor();
    expect(Array.from(origins)).toEqual([stage.server.url]);
    await context.close();
  });
});

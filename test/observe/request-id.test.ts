import { afterAll, beforeAll, expect, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { untilOver } from '../support/syncs.ts';
import { until } from '../support/until.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'redis' });
});
afterAll(() => server.close());

const calls = {
  REST: {
    path: '/sync/manual',
    body: (url: string) => ({ export_url: url }),
    taskOf: (answer: { task_id: string }) => answer.task_id,
  },
  GraphQL: {
    path: '/graphql',
    body: (url: string) => ({
      query: 'mutation ($url: String) { startSync(input: { exportUrl: $url }) { ... on SyncTask { id } } }',
      variables: { url },
    }),
    taskOf: (answer: { data: { startSync: { id: string } } }) => answer.data.startSync.id,
  },
};

test.each(Object.entries(calls))(
  'the id of a request by %s stands in the log of the API and of the worker',
  async (name, call) => {
    const requestId = `followed-by-${name}`;
    const file = server.exports.serve(await exportOf([dialogue(name)]));
    const answer = await fetch(server.url + call.path, {
      method: 'POST',
      headers: {
        'x-api-key': server.apiKey,
        'x-request-id': requestId,
        'content-type': 'application/json',
      },
      body: JSON.stringify(call.body(file.url)),
    });
    expect(answer.headers.get('x-request-id')).toBe(requestId);
    const taskId = call.taskOf((await answer.json()) as never);
    await untilOver(server.client, taskId);
    const lines = () =>
      server
        .logged()
        .split('\n')
        .filter((line) => line.includes(`"${requestId}"`));
    await until('the API has logged it', () =>
      lines().some((line) => line.includes(`"path":"${call.path}"`)),
    );
    const ended = await until('the worker has logged it', () =>
      lines().find((line) => line.includes('the task is over')),
    );
    expect(JSON.parse(ended)).toMatchObject({ requestId, taskId: expect.any(String), status: 'COMPLETED' });
  },
);

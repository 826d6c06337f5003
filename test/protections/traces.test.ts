import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dialogue } from '../archive/builders.ts';
import { exportOf } from '../support/exports.ts';
import { backends, startTestServer, type TestServer } from '../support/server.ts';
import { untilOver } from '../support/syncs.ts';
import { until } from '../support/until.ts';

describe.each(backends)('On %s', (backend) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ backend });
  });
  afterAll(() => server.close());

  test('the log of the worker carries the id of the request that began the work', async () => {
    const file = server.exports.serve(await exportOf([dialogue('traced')]));
    const response = await fetch(`${server.url}/sync/manual`, {
      method: 'POST',
      headers: {
        'x-api-key': server.apiKey,
        'content-type': 'application/json',
        'x-request-id': 'edge-to-worker.1',
      },
      body: JSON.stringify({ export_url: file.url }),
    });
    expect(response.headers.get('x-request-id')).toBe('edge-to-worker.1');
    const { task_id: taskId } = (await response.json()) as { task_id: string };
    await untilOver(server.client, taskId);
    const ofWorker = () =>
      server
        .logged()
        .split('\n')
        .filter((line) => line.includes('"requestId":"edge-to-worker.1"') && line.includes('"taskId"'));
    await until('the worker has logged the task', () => ofWorker().length > 0);
  });
});

describe('What a search is asked for', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ backend: 'postgres', worker: false });
  });
  afterAll(() => server.close());

  test.each(['& | ! (', "'); DROP TABLE messages; --", '%_', ':*', '<->', '\\', '"', `${'a '.repeat(400)}`])(
    'never breaks it: %s',
    async (query) => {
      const answer = await server.client.ask(
        'query S($query: String!) { search(query: $query) { edges { cursor } } }',
        { query },
      );
      expect(answer).toEqual({ data: { search: { edges: [] } } });
    },
  );

  test('is refused when it is empty or far too long', async () => {
    for (const query of ['', '   ', 'x'.repeat(10_000)]) {
      const { errors } = await server.client.ask(
        'query S($query: String!) { search(query: $query) { edges { cursor } } }',
        { query },
      );
      expect(errors).toMatchObject([{ extensions: { code: 'INVALID_INPUT' } }]);
    }
  });
});

test('An error that quotes SQL, a URL or a password is masked over HTTP, REST and WebSockets', async () => {
  const server = await startTestServer({ backend: 'postgres', worker: false });
  await server.services.database.query(
    `CREATE FUNCTION leak() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'SELECT secret FROM postgresql://user:pa55word@db/x https://x.test/?sig=pa55word'; END $$`,
  );
  await server.services.database.query(
    'CREATE TRIGGER leak BEFORE INSERT ON sync_configs FOR EACH ROW EXECUTE FUNCTION leak()',
  );
  const mutation = 'mutation { configureSync(input: { enabled: false }) { __typename } }';
  const { errors } = await server.client.ask(mutation);
  const rest = await server.client.rest('POST', '/sync/config', { sync_enabled: false });
  expect(rest.status).toBe(500);
  const overSocket = await server.client
    .subscribe('websocket', mutation)
    .next()
    .catch((error) => String(error));
  const seen = JSON.stringify([errors, rest.text, overSocket]);
  expect(seen).not.toMatch(/pa55word|SELECT|postgres/);
  expect(seen.match(/Quote the request id/g)).toHaveLength(3);
  expect(server.logged()).not.toContain('pa55word');
  await server.close();
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { about, importAll } from '../support/chats.ts';
import type { TestClient } from '../support/client.ts';
import { backends, startTestServer, type TestServer } from '../support/server.ts';
import { until } from '../support/until.ts';

interface Status {
  status: string;
  result: Record<string, unknown> | null;
  info: { kind: string; done: number; total: number };
}

async function started(client: TestClient, path: string): Promise<string> {
  const { status, json, text } = await client.rest('POST', path, {});
  expect(status, text).toBe(202);
  expect(json).toEqual({ ok: true, task_id: expect.any(String) });
  return (json as { task_id: string }).task_id;
}

describe.each(backends)('Reindexing on %s', (backend) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ backend });
  });
  afterAll(() => server.close());

  const untilDone = (client: TestClient, id: string) =>
    until('the task is over', async () => {
      const { json } = await client.rest('GET', `/sync/status/${id}`);
      const answer = json as Status;
      return ['QUEUED', 'RUNNING'].includes(answer.status) ? null : answer;
    });

  test('writes what is missing in the index, and tells how much there is', async () => {
    const owner = await server.asUser(new Set(['read', 'write', 'admin']));
    const other = await server.asUser();
    const { client, viewer } = owner;
    // More than one batch.
    const talks = Array.from({ length: 60 }, (_, n) => about(`t${n}`, `walrus ${n}`, `tusk ${n}`));
    await importAll(server, client, talks);
    await importAll(server, other.client, [about('o', 'a walrus of mine', 'a tusk')]);
    const { database } = server.services;
    await database.query('DELETE FROM message_search');
    const find = async (by: TestClient) =>
      (await by.rest('POST', '/search', { query: 'walrus', k: 30 })).json as { hits: object[] };
    expect((await find(client)).hits).toEqual([]);

    const done = await untilDone(client, await started(client, '/reindex'));
    expect(done).toMatchObject({
      status: 'COMPLETED',
      result: { ok: true, vectors: 180 },
      info: {
        ...{ kind: 'REINDEX', done: 60, total: 60, error: null },
        ...{ phase: 'DONE', fraction: 1, conversations_done: 60, conversations_total: 60 },
      },
    });
    expect((await find(client)).hits).toHaveLength(30);
    expect((await find(other.client)).hits).toEqual([]);
    const rows = () =>
      database.query(
        'SELECT conversation_id, node_id, terms::text FROM message_search WHERE user_id = $1 ORDER BY 1, 2, 3',
        [viewer.userId],
      );
    const before = await rows();

    let isOver = false;
    const over = untilDone(client, await started(client, '/reindex-multi-layer')).finally(() => {
      isOver = true;
    });
    // Whenever somebody searches meanwhile, all of it is found.
    while (!isOver) expect((await find(client)).hits).toHaveLength(30);
    const layered = await over;
    expect(layered.result).toEqual({
      ok: true,
      layer_results: { message: 120, exchange: 0, conversation: 60 },
      total_vectors: 180,
    });
    expect(await rows()).toEqual(before);
  });
});

describe('Without a worker', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ backend: 'postgres', worker: false });
  });
  afterAll(() => server.close());

  test('reindexing is queued once, and the other sort conflicts with it', async () => {
    const { client } = await server.asUser(new Set(['read', 'write', 'admin']));
    const id = await started(client, '/reindex');
    expect(await started(client, '/reindex')).toBe(id);
    const conflict = await client.rest('POST', '/reindex-multi-layer', {});
    expect(conflict).toMatchObject({ status: 409, json: { detail: expect.any(String), task_id: id } });
    const { json } = await client.rest('GET', `/sync/status/${id}`);
    expect(json).toEqual({
      task_id: id,
      status: 'QUEUED',
      result: null,
      info: {
        ...{ kind: 'REINDEX', done: 0, total: null, error: null },
        ...{ phase: 'WAITING', fraction: 0, bytes_done: 0, bytes_total: 0 },
        ...{ conversations_done: 0, conversations_total: null },
        ...{ per_second: null, eta_seconds: null, queue_position: null },
      },
    });
  });

  test('only an admin may reindex', async () => {
    const { client } = await server.asUser(new Set(['read', 'write']));
    for (const path of ['/reindex', '/reindex-multi-layer']) {
      const { status, json } = await client.rest('POST', path, {});
      expect(status).toBe(403);
      expect(json).toEqual({ detail: expect.stringContaining('admin') });
    }
  });
});

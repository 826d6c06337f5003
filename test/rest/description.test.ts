import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { signInRoutes } from '../../src/rest/auth-descriptions.ts';
import { routes } from '../../src/rest/router.ts';
import { dialogue } from '../archive/builders.ts';
import { about, importAll, startChatServer } from '../support/chats.ts';
import { exportOf } from '../support/exports.ts';
import type { TestServer } from '../support/server.ts';
import { untilOver } from '../support/syncs.ts';
import { until } from '../support/until.ts';

interface Operation {
  operationId: string;
  summary: string;
  security: Record<string, string[]>[];
  parameters?: { name: string; in: string; schema: Record<string, unknown> }[];
  requestBody?: {
    required: boolean;
    content: Record<string, { schema: { properties: Record<string, Record<string, unknown>> } }>;
  };
  responses: Record<string, { description: string; content: Record<string, { schema: object }> }>;
}

type Description = { openapi: string; paths: Record<string, Record<string, Operation>> };

let server: TestServer;
let close: () => Promise<void>;
let ingestRoot: string;
let description: Description;
beforeAll(async () => {
  ingestRoot = await mkdtemp(join(tmpdir(), 'sidecar-test-'));
  await writeFile(join(ingestRoot, 'export.zip'), await exportOf([dialogue('ingested')]));
  ({ server, close } = await startChatServer({ env: { INGEST_ROOT: ingestRoot } }));
  description = (await fetch(`${server.url}/openapi.json`).then((answer) => answer.json())) as Description;
});
afterAll(async () => {
  await close();
  await rm(ingestRoot, { recursive: true });
});

const operationOf = (method: string, path: string) =>
  description.paths[path.replaceAll(/:(\w+)/g, '{$1}')]?.[method];

test('The description is valid OpenAPI 3.1', async () => {
  expect(description.openapi).toBe('3.1.1');
  const validator = new Validator();
  expect(await validator.validate(structuredClone(description))).toEqual({ valid: true });
  expect(validator.version).toBe('3.1');
  const broken = { ...description, paths: { '/x': { get: { responses: 7 } } } };
  expect(await new Validator().validate(broken)).toMatchObject({ valid: false });
});

test.each([...routes, ...signInRoutes].map((route) => [`${route.method} ${route.path}`, route] as const))(
  '%s is described with its answer, its failures and who may ask',
  (_name, { method, path, about: { scope, body }, readsStream }) => {
    const operation = operationOf(method, path);
    expect(operation?.summary).toMatch(/^[A-Z].*\.$/);
    const statuses = Object.keys(operation?.responses ?? {});
    expect(statuses.filter((status) => /^[23]/.test(status))).toHaveLength(1);
    expect(statuses).toContain('500');
    if (scope === null) expect(operation?.security).toEqual([]);
    else {
      expect(operation?.security).toEqual([{ apiKey: [scope] }, { session: [scope] }]);
      expect(statuses).toEqual(expect.arrayContaining(['401', '403']));
    }
    if (body) expect(statuses).toEqual(expect.arrayContaining(['400', '413', '415', '422']));
    if (readsStream) expect(statuses).toContain('415');
    expect(operation?.requestBody !== undefined).toBe(body !== undefined || readsStream === true);
    const ids = operation?.parameters?.filter((parameter) => parameter.in === 'path') ?? [];
    expect(ids.map(({ name }) => `:${name}`)).toEqual(path.match(/:\w+/g) ?? []);
    if (ids.length > 0) expect(statuses).toContain('404');
  },
);

test('A failure that only some inputs meet is described, too', () => {
  for (const path of ['/chat', '/chat/stream', '/analyze'])
    expect(Object.keys(operationOf('post', path)?.responses ?? {})).toContain('503');
});

test('Every operation has an id of its own', () => {
  const ids = Object.values(description.paths).flatMap((path) =>
    Object.values(path).map(({ operationId }) => operationId),
  );
  expect(ids.length).toBe(routes.length + signInRoutes.length);
  expect(new Set(ids).size).toBe(ids.length);
});

test('Inputs are described under the names of REST, with the limits that are checked', () => {
  const bodyOf = (path: string) =>
    operationOf('post', path)?.requestBody?.content['application/json']?.schema.properties;
  expect(bodyOf('/search/advanced')).toMatchObject({
    query: { type: 'string', minLength: 1 },
    k: { type: 'integer', minimum: 1, maximum: 30, default: 8 },
    candidates: { type: 'integer', minimum: 10, maximum: 200, default: 50 },
    lambda: { type: 'number', minimum: 0, maximum: 1, default: 0.5 },
  });
  expect(Object.keys(bodyOf('/sync/config') ?? {})).toEqual([
    'sync_enabled',
    'chatgpt_export_url',
    'sync_frequency_hours',
  ]);
  expect(Object.keys(bodyOf('/ingest/chatgpt-export') ?? {})).toEqual(['root_path']);
  expect(Object.keys(bodyOf('/chat') ?? {})).toContain('search_mode');
  expect(operationOf('get', '/document/:id/chunk/:cid')?.parameters).toContainEqual(
    expect.objectContaining({
      name: 'context',
      in: 'query',
      schema: { type: 'integer', minimum: 0, maximum: 20, default: 2 },
    }),
  );
});

test('Every route that answers JSON answers it in the form described', async () => {
  const { client } = server;
  await importAll(server, client, [about('otter', 'Where do otters sleep?', 'Otters sleep on their backs.')]);
  const exportUrl = server.exports.serve(await exportOf([dialogue('other')])).url;
  const seen = new Set<string>();
  const call = async (name: string, body?: object, path?: string) => {
    const [method = '', template = ''] = name.split(' ');
    const { status, text, json } = await client.rest(method.toUpperCase(), path ?? template, body);
    const route = routes.find((each) => `${each.method} ${each.path}` === name);
    if (!(route?.about.answer instanceof z.ZodType)) throw new Error(`${name} is no route of JSON`);
    expect(status, `${name}: ${text}`).toBe(route.about.status ?? 200);
    const parsed = route.about.answer.safeParse(json);
    expect(parsed.error?.issues, `${name}: ${text}`).toBeUndefined();
    seen.add(name);
    return json as Record<string, string>;
  };
  const over = async (id = '') => {
    await untilOver(client, id);
    await call('get /sync/status/:taskId', undefined, `/sync/status/${id}`);
  };

  for (const name of ['get /healthz', 'get /readyz', 'get /auth/user', 'get /openapi.json']) await call(name);
  // Off, so that no fetch of its own comes in between.
  await call('post /sync/config', { sync_enabled: false, chatgpt_export_url: exportUrl });
  await call('get /sync/config');
  await over((await call('post /sync/manual', {})).task_id);
  await over((await call('post /sync/upload', await exportOf([dialogue('sent')]))).task_id);
  for (const name of ['post /ingest/chatgpt-export', 'post /ingest/chatgpt-export-multi-layer'])
    await call(name, { root_path: 'export.zip' });
  await call('get /sync/history');

  for (const name of ['post /search', 'post /search/advanced', 'post /search-multi-layer'])
    await call(name, { query: 'otters' });
  const { hits } = (await client.rest('POST', '/search', { query: 'otters' })).json as {
    hits: { loc: { doc_id: string; chunk_id: string } }[];
  };
  const { doc_id: id, chunk_id: cid } = hits[0]?.loc ?? {};
  await call('get /document/:id', undefined, `/document/${id}`);
  await call('get /document/:id/chunk/:cid', undefined, `/document/${id}/chunk/${cid}`);
  for (const name of ['post /reindex', 'post /reindex-multi-layer']) {
    const { task_id: taskId } = await call(name, {});
    await until('the index is written', async () => {
      const status = await call('get /sync/status/:taskId', undefined, `/sync/status/${taskId}`);
      return status.status === 'COMPLETED';
    });
  }

  await call('get /healthz/chat');
  const { session_id: session } = await call('post /chat', { query: 'Where do otters sleep?' });
  await call('get /chat/history/:sessionId', undefined, `/chat/history/${session}`);
  await call('post /suggest', { session_id: session });
  await call('delete /chat/history/:sessionId', undefined, `/chat/history/${session}`);
  await call('post /analyze', { query: 'otters' });
  await call('get /summarize/:docId', undefined, `/summarize/${id}`);

  const described = routes.filter((route) => route.about.answer instanceof z.ZodType);
  expect([...seen].toSorted()).toEqual(described.map(({ method, path }) => `${method} ${path}`).toSorted());
});

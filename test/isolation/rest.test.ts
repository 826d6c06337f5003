import type { IRouter } from 'express';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { createSessionCookie } from '../../src/auth/session-cookie.ts';
import { loadConfig } from '../../src/config.ts';
import { dialogue } from '../archive/builders.ts';
import { makeKey } from '../support/api-keys.ts';
import { createTestClient } from '../support/client.ts';
import { exportOf } from '../support/exports.ts';
import { startSync, sync, untilOver } from '../support/syncs.ts';
import { createWorld, type IdOf, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.server.close());

interface RouteCase {
  /** Given a way to name a row of a type: the first user's, or one that nobody has. */
  path?(id: IdOf): string;
  body?(id: IdOf): object | Promise<object>;
  /** What a second user gets. */
  status: number;
  /** What the first user gets when they read. */
  seen?: RegExp;
}

const ofRow = (before: string, type: string, after = '') => ({
  path: (id: IdOf) => `${before}${id(type)}${after}`,
  status: 404,
});

/** By `method path`; what stands behind a comma tells several cases of a route apart. */
const routeCases: Record<string, RouteCase> = {
  'get /healthz': { status: 200 },
  'get /readyz': { status: 200 },
  'get /auth/user': { status: 200, seen: /"Owner"/ },
  'get /auth/callback': { path: () => '/auth/callback?code=x&state=x', status: 400 },
  'post /auth/key': { body: () => ({ api_key: 'wrong' }), status: 401 },
  'post /auth/logout': { status: 403 },
  'get /sync/config': { status: 200, seen: /"has_export_url":true/ },
  'post /sync/config': { body: () => ({ sync_enabled: false }), status: 200 },
  'post /sync/manual': { body: () => ({}), status: 400 },
  'post /sync/upload': { body: () => exportOf([dialogue('sent')]), status: 202 },
  'get /sync/history': { status: 200, seen: /PARTIAL/ },
  'get /sync/status/:taskId': { ...ofRow('/sync/status/', 'SyncTask'), seen: /PARTIAL/ },
  'post /ingest/chatgpt-export': { body: () => ({ root_path: '.' }), status: 403 },
  'post /ingest/chatgpt-export-multi-layer': { body: () => ({ root_path: '.' }), status: 403 },
  'get /healthz/chat': { status: 200 },
  'post /chat': { body: (id) => ({ query: 'And then?', session_id: id('ChatSession') }), status: 404 },
  'post /chat, again': { body: (id) => ({ retry_turn_id: id('ChatTurn') }), status: 404 },
  'post /chat/stream': {
    body: (id) => ({ query: 'And then?', session_id: id('ChatSession') }),
    status: 404,
  },
  'post /chat/stream, anew': { body: () => ({ query: 'What is hidden?' }), status: 200, seen: /heirloom/ },
  'get /chat/history/:sessionId': { ...ofRow('/chat/history/', 'ChatSession'), seen: /heirloom/ },
  'delete /chat/history/:sessionId': ofRow('/chat/history/', 'ChatSession'),
  'post /analyze': { body: () => ({ query: 'hidden' }), status: 200, seen: /heirloom/ },
  'post /suggest': { body: (id) => ({ session_id: id('ChatSession') }), status: 404 },
  'post /suggest, anything': { body: () => ({}), status: 200, seen: /heirloom/ },
  'get /summarize/:docId': { ...ofRow('/summarize/', 'Conversation'), seen: /heirloom/ },
  'get /assets/:id': { ...ofRow('/assets/', 'Asset'), seen: /treasure/ },
  'get /conversations/:id/export': {
    ...ofRow('/conversations/', 'Conversation', '/export?format=json'),
    seen: /heirloom/,
  },
  'get /exports/:id': { ...ofRow('/exports/', 'BackgroundTask'), seen: /^PK/ },
  'get /sync/status/:taskId, other work': {
    ...ofRow('/sync/status/', 'BackgroundTask'),
    seen: /ACCOUNT_EXPORT/,
  },
  'post /search': { body: () => ({ query: 'hidden' }), status: 200, seen: /heirloom/ },
  'post /search/advanced': { body: () => ({ query: 'hidden' }), status: 200, seen: /heirloom/ },
  'post /search-multi-layer': { body: () => ({ query: 'hidden place' }), status: 200, seen: /heirloom/ },
  'get /document/:id': { ...ofRow('/document/', 'Conversation'), seen: /heirloom/ },
  'get /document/:id/chunk/:cid': {
    path: (id) => `/document/${id('Conversation')}/chunk/${id('Message')}`,
    status: 404,
    seen: /heirloom/,
  },
  'get /document/:id/chunk/:cid, of another document': {
    path: (id) => `/document/${world.own('Conversation')}/chunk/${id('Message')}`,
    status: 404,
  },
  'post /reindex': { body: () => ({}), status: 403 },
  'post /reindex-multi-layer': { body: () => ({}), status: 403 },
  'get /metrics': { status: 403, seen: /sidecar_tasks/ },
  'get /openapi.json': { status: 200 },
  'get /docs': { status: 200 },
  'get /docs/:file': { path: () => '/docs/start.js', status: 200 },
};

/** Those that need more than one call. */
const stories: Record<string, () => Promise<void>> = {
  async 'get /auth/login'() {
    const answer = await fetch(`${world.server.url}/auth/login`, {
      redirect: 'manual',
      headers: { 'x-api-key': world.other.apiKey },
    });
    expect(answer.status).toBe(302);
    world.expectNoTrace(`${answer.headers.get('location')}${await answer.text()}`);
  },
  async 'all /mcp'() {
    const tool = async (apiKey: string, name: string, input: object) => {
      const answer = await fetch(`${world.server.url}/mcp`, {
        method: 'POST',
        headers: {
          'x-api-key': apiKey,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
        },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/call',
          params: { name, arguments: input },
        }),
      });
      return answer.text();
    };
    const calls: [name: string, input: (id: IdOf) => object][] = [
      ['search', () => ({ query: 'hidden' })],
      ['search', (id) => ({ query: 'hidden', conversation_id: id('Conversation') })],
      ['list_recent', () => ({})],
      ['fetch', (id) => ({ id: id('Conversation') })],
      ['fetch', (id) => ({ id: id('Message') })],
      ['fetch_conversation', (id) => ({ id: id('Conversation'), path: 'all' })],
      ['fetch_conversation', (id) => ({ id: id('Message') })],
    ];
    for (const [name, input] of calls) {
      expect(await tool(world.server.apiKey, name, input(world.foreign)), name).toMatch(/heirloom/);
      const foreign = await tool(world.other.apiKey, name, input(world.foreign));
      world.expectNoTrace(foreign);
      expect(foreign, name).toBe(await tool(world.other.apiKey, name, input(world.unknown)));
    }
  },
  async 'all /sync/upload/resumable'() {
    const third = await world.server.asUser();
    const begun = await toUpload('POST', '/sync/upload/resumable', { 'upload-length': '10' }, third);
    expect(begun).toMatchObject({ status: 201 });
    expect(await toUpload('GET', '/sync/upload/resumable')).toMatchObject({ status: 404 });
  },
  async 'all /sync/upload/resumable/:id'() {
    const { uploadPath } = world;
    const unknownPath = uploadPath.replace(/_[\da-f-]{36}$/, '_01a20644-6fa6-7000-8000-000000000000');
    expect(unknownPath).not.toBe(uploadPath);
    const piece = { 'content-type': 'application/offset+octet-stream', 'upload-offset': '0' };
    for (const [method, headers] of [['HEAD'], ['PATCH', piece], ['DELETE'], ['GET'], ['PUT']] as const) {
      const foreign = await toUpload(method, uploadPath, headers);
      expect(foreign.status, method).toBe(404);
      expect(foreign, method).toEqual(await toUpload(method, unknownPath, headers));
    }
    const mine = await fetch(new URL(uploadPath, world.server.url), {
      method: 'HEAD',
      headers: { 'x-api-key': world.server.apiKey, 'tus-resumable': '1.0.0' },
    });
    expect(mine.headers.get('upload-offset')).toBe('0');
  },
};

/** A call of the tus protocol, by the other user unless told. */
async function toUpload(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  { apiKey } = world.other,
) {
  const response = await fetch(new URL(path, world.server.url), {
    method,
    headers: { 'x-api-key': apiKey, 'tus-resumable': '1.0.0', ...headers },
    body: method === 'PATCH' ? 'stolen' : null,
  });
  const text = await response.text();
  world.expectNoTrace(text);
  return { status: response.status, text, offset: response.headers.get('upload-offset') };
}

test('every route has a case', () => {
  const config = loadConfig({
    GOOGLE_CLIENT_ID: 'client',
    GOOGLE_CLIENT_SECRET: 'secret',
    REDIRECT_URI: 'http://127.0.0.1/auth/callback',
  });
  const cookie = createSessionCookie('key', { secure: false, lifetimeMs: 1 });
  const auth = { authenticate: async () => null, cookie };
  const opened = {
    services: world.server.services,
    openQueueBoard: () => Promise.reject(new Error('Nobody looks.')),
  };
  const { handler } = createApp(opened, auth, config, pino({ level: 'silent' }));
  const cases = [...Object.keys(routeCases), ...Object.keys(stories)].map((name) => name.split(',')[0]);
  expect([...new Set(cases)].toSorted()).toEqual([...new Set(routesOf(handler.router))].toSorted());
});

/** What Express has been told, in the routers that it uses as well: `method path`, with `all` for any method. */
function routesOf({ stack }: Pick<IRouter, 'stack'>): string[] {
  return stack.flatMap(({ route, handle }) => {
    if (route) {
      const methods = new Set(route.stack.map(({ method }) => method ?? 'all'));
      return [route.path].flat().flatMap((path) => [...methods].map((method) => `${method} ${path}`));
    }
    return 'stack' in handle ? routesOf(handle as unknown as IRouter) : [];
  });
}

test.each(Object.entries(routeCases))('%s shows and changes a user’s own rows only', async (name, route) => {
  const [method = '', template = ''] = name.split(/,? /);
  const { path = () => template, body, status, seen } = route;
  const ask = async (id: IdOf) => {
    const answer = await world.other.client.rest(method.toUpperCase(), path(id), await body?.(id));
    return { status: answer.status, text: answer.text, type: answer.headers.get('content-type') };
  };
  if (seen) {
    const sent = await body?.(world.foreign);
    const own = await world.first.rest(method.toUpperCase(), path(world.foreign), sent);
    expect(own.text).toMatch(seen);
  }
  const before = await world.rows();
  const foreign = await ask(world.foreign);
  expect(foreign.status, foreign.text).toBe(status);
  if (seen) expect(foreign.text).not.toMatch(seen);
  world.expectNoTrace(foreign.text);
  expect(await world.rows()).toBe(before);
  if (status === 404) expect(foreign).toEqual(await ask(world.unknown));
});

test.each(Object.entries(stories))('%s shows and changes a user’s own rows only', async (_name, story) => {
  const before = await world.rows();
  await story();
  expect(await world.rows()).toBe(before);
});

test('the same export imported by another user becomes rows of their own', async () => {
  const third = await world.server.asUser();
  const task = await sync(third.client, world.file.url);
  expect(task).toMatchObject({ counts: { added: 1, unchanged: 0, failed: 1, assetsAdded: 1 } });
  const { conversations } = await third.client.request<{
    conversations: { totalCount: number; edges: { node: { id: string } }[] };
  }>('{ conversations { totalCount edges { node { id } } } }');
  expect(conversations.totalCount).toBe(1);
  expect(conversations.edges[0]?.node.id).not.toBe(world.foreign('Conversation'));
});

test('a key of one user is nobody else, whatever it asks for', async () => {
  const { key } = await makeKey(world.server, world.other.client);
  const client = createTestClient(world.server.url, key);
  const { id } = await startSync(client, world.server.exports.serve(await exportOf([dialogue('key')])).url);
  await untilOver(client, id);
  expect((await client.rest('GET', `/sync/status/${id}`)).status).toBe(200);
  expect((await client.rest('GET', `/sync/status/${world.foreign('SyncTask')}`)).status).toBe(404);
  await client.close();
});

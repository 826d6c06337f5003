import { type GraphQLInterfaceType, isInterfaceType, isObjectType } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { schema } from '../src/graphql/schema.ts';
import { routes } from '../src/rest/router.ts';
import { dialogue, say } from './archive/builders.ts';
import { exportOf, type ServedFile, zipOf } from './support/exports.ts';
import { startTestServer, type TestServer, type TestUser } from './support/server.ts';
import { startSync, sync, type TaskAnswer, untilOver } from './support/syncs.ts';

/** Stands in everything that the first user's export holds. */
const marker = 'heirloom';

let server: TestServer;
let other: TestUser;
/** Global ids of the first user's rows, by type. */
let ids: Record<string, string>;
let file: ServedFile;

beforeAll(async () => {
  server = await startTestServer({ backend: 'redis' });
  other = await server.asUser();
  const question = say('user', `The ${marker} is hidden`, {
    metadata: {
      attachments: [{ id: 'file-abc123', name: `${marker}.txt`, mime_type: 'text/plain', size: 8 }],
    },
  });
  const conversation = dialogue('first', { title: marker });
  (conversation.mapping as Record<string, { message: object }>).q = {
    ...(conversation.mapping as Record<string, { message: object }>).q,
    message: { id: 'q', ...question },
  };
  const broken = `{"conversation_id": "${marker}", "mapping": {broken}}`;
  const zip = await zipOf({
    'conversations.json': `[${JSON.stringify(conversation)}, ${broken}]`,
    [`file-abc123-${marker}.txt`]: 'treasure',
  });
  file = server.exports.serve(zip);
  const task = await sync(server.client, file.url);
  expect(task).toMatchObject({ status: 'PARTIAL', counts: { added: 1, failed: 1, assetsAdded: 1 } });
  await server.client.rest('POST', '/auth/key', { api_key: server.apiKey });
  await server.client.rest('POST', '/sync/config', { sync_enabled: true, chatgpt_export_url: file.url });
  const found = await server.client.request<{
    viewer: { id: string; sessions: { id: string }[] };
    conversations: {
      edges: {
        node: { id: string; assets: { id: string }[]; messages: { edges: { node: { id: string } }[] } };
      }[];
    };
  }>(
    '{ viewer { id sessions { id } } conversations { edges { node { id assets { id } messages { edges { node { id } } } } } } }',
  );
  const node = found.conversations.edges[0]?.node;
  ids = {
    User: found.viewer.id,
    Session: found.viewer.sessions[0]?.id ?? '',
    SyncTask: task.id,
    Conversation: node?.id ?? '',
    Message: node?.messages.edges[0]?.node.id ?? '',
    Asset: node?.assets[0]?.id ?? '',
  };
  expect(Object.values(ids)).not.toContain('');
});
afterAll(() => server.close());

/** An answer to somebody else must hold none of the first user's words or ids. */
function expectNoTrace(text: string): void {
  expect(text).not.toContain(marker);
  for (const id of Object.values(ids)) expect(text).not.toContain(id);
  expect(text).not.toContain(server.viewer.userId);
}

interface ReadCase {
  query: string;
  variables?(): Record<string, unknown>;
  /** What the first user sees here and nobody else may. */
  seen: RegExp;
}

const taskVariables = () => ({ taskId: ids.SyncTask });
const queries: Record<string, ReadCase> = {
  viewer: { query: '{ viewer { id displayName } }', seen: /Owner/ },
  syncConfig: { query: '{ syncConfig { hasExportUrl enabled } }', seen: /true/ },
  syncHistory: {
    query:
      '{ syncHistory { totalCount edges { node { id source user { id } problems { edges { node { reason } } } } } } }',
    seen: /"totalCount":1.*JSON/,
  },
  syncStatus: {
    query: 'query Q($taskId: ID!) { syncStatus(taskId: $taskId) { id counts { added } } }',
    variables: taskVariables,
    seen: /"added":1/,
  },
  conversations: {
    query:
      '{ conversations { totalCount edges { node { id title messages { edges { node { text } } } } } } }',
    seen: /"totalCount":1.*heirloom/,
  },
  conversation: {
    query: 'query Q($id: ID!) { conversation(id: $id) { title messages { edges { node { text } } } } }',
    variables: () => ({ id: ids.Conversation }),
    seen: /heirloom/,
  },
  search: {
    query: `{ search(query: "${marker} OR question OR hidden") { edges { node { snippet conversation { id } } } } }`,
    seen: /hidden/,
  },
  node: {
    query: 'query Q($id: ID!) { node(id: $id) { id ... on Message { text } } }',
    variables: () => ({ id: ids.Message }),
    seen: /heirloom/,
  },
  nodes: {
    query: 'query Q($ids: [ID!]!) { nodes(ids: $ids) { id } }',
    variables: () => ({ ids: nodeIds() }),
    seen: /"id"/,
  },
};

const nodeTypes = schema
  .getPossibleTypes(interfaceNamed('Node'))
  .map((type) => type.name)
  .toSorted();
const nodeIds = () => nodeTypes.map((name) => ids[name]);

test('every query has a case here', () => {
  expect(Object.keys(queries).toSorted()).toEqual(fieldsOf('Query'));
});

test.each(Object.keys(queries))('the query %s shows a user their own rows only', async (name) => {
  const { query, variables, seen } = queries[name] ?? { query: '', seen: /^/ };
  const own = JSON.stringify(await server.client.request(query, variables?.()));
  expect(own).toMatch(seen);
  const foreign = await other.client.ask(query, variables?.());
  // Not even an error, which would tell that there is something.
  expect(foreign.errors).toBeUndefined();
  const text = JSON.stringify(foreign);
  expect(text).not.toMatch(seen);
  expectNoTrace(text);
});

test.each(nodeTypes)('a %s is a node to its owner and nothing to anybody else', async (name) => {
  expect(ids, 'an id of each type is needed here').toHaveProperty(name);
  const query = 'query Q($id: ID!) { node(id: $id) { __typename id } }';
  const id = ids[name];
  expect(await server.client.request(query, { id })).toEqual({ node: { __typename: name, id } });
  expect(await other.client.ask(query, { id })).toEqual({ data: { node: null } });
});

const subscriptions: Record<string, () => Promise<void>> = {
  async syncStatus() {
    const query = 'subscription S($taskId: ID!) { syncStatus(taskId: $taskId) { id source } }';
    for (const transport of ['sse', 'websocket'] as const) {
      const events = other.client.subscribe(transport, query, taskVariables());
      await expect(events.next()).rejects.toThrow('No such sync task.');
    }
  },
  async syncActivity() {
    const events = other.client.subscribe<{ syncActivity: TaskAnswer }>(
      'sse',
      'subscription { syncActivity { id source status } }',
    );
    const next = events.next();
    // The first user's sync begins and ends while the other one listens.
    expect(await sync(server.client, file.url)).toMatchObject({ counts: { added: 0 } });
    const own = await startSync(other.client, server.exports.serve(await exportOf([dialogue('own')])).url);
    const { value } = await next;
    expect(value.syncActivity).toMatchObject({ id: own.id });
    expectNoTrace(JSON.stringify(value));
    await events.return?.();
    await untilOver(other.client, own.id);
  },
};

test('every subscription has a case here', () => {
  expect(Object.keys(subscriptions).toSorted()).toEqual(fieldsOf('Subscription'));
});

const onTask = (name: string) => `mutation M($taskId: ID!) {
  ${name}(taskId: $taskId) { __typename ... on SyncTask { id source } ... on Error { message code } }
}`;
/** The answer that somebody gets who names the first user's rows. */
const mutations: Record<string, { query: string; variables?(): Record<string, unknown>; expected: RegExp }> =
  {
    cancelSync: { query: onTask('cancelSync'), variables: taskVariables, expected: /NOT_FOUND/ },
    retrySync: { query: onTask('retrySync'), variables: taskVariables, expected: /NOT_FOUND/ },
    undoSync: { query: onTask('undoSync'), variables: taskVariables, expected: /NOT_FOUND/ },
    startSync: {
      query: 'mutation { startSync { __typename ... on Error { message code } } }',
      expected: /NO_EXPORT_URL/,
    },
    configureSync: {
      query:
        'mutation { configureSync(input: { enabled: false }) { ... on SyncConfig { enabled hasExportUrl } } }',
      expected: /"hasExportUrl":false/,
    },
    signOut: { query: 'mutation { signOut { __typename } }', expected: /NotAllowed/ },
    signOutEverywhere: {
      query: 'mutation { signOutEverywhere { ... on SignedOut { sessions } } }',
      expected: /"sessions":0/,
    },
    endSession: {
      query: 'mutation M($id: ID!) { endSession(id: $id) { __typename } }',
      variables: () => ({ id: ids.Session }),
      expected: /NotFound/,
    },
  };

test('every mutation has a case here', () => {
  expect(Object.keys(mutations).toSorted()).toEqual(fieldsOf('Mutation'));
});

test.each(Object.keys(mutations))('the mutation %s leaves other people’s rows alone', async (name) => {
  const { query, variables, expected } = mutations[name] ?? { query: '', expected: /$^/ };
  const before = await rowsOf(server.viewer.userId);
  const answer = JSON.stringify(await other.client.ask(query, variables?.()));
  expect(answer).toMatch(expected);
  expectNoTrace(answer);
  expect(await rowsOf(server.viewer.userId)).toBe(before);
});

test.each(Object.keys(subscriptions))(
  'the subscription %s tells a user of their own tasks only',
  async (name) => {
    await subscriptions[name]?.();
  },
);

interface RouteCase {
  path?(): string;
  body?(): object | Promise<object>;
  /** What a second user gets. */
  status: number;
  /** What the first user gets when they read. */
  seen?: RegExp;
}

const routeCases: Record<string, RouteCase> = {
  'get /healthz': { status: 200 },
  'get /readyz': { status: 200 },
  'get /auth/user': { status: 200, seen: /Owner/ },
  'get /sync/config': { status: 200, seen: /"has_export_url":true/ },
  'post /sync/config': { body: () => ({ sync_enabled: false }), status: 200 },
  'post /sync/manual': { body: () => ({}), status: 400 },
  'post /sync/upload': { body: () => exportOf([dialogue('sent')]), status: 202 },
  'get /sync/history': { status: 200, seen: /PARTIAL/ },
  'get /sync/status/:taskId': { path: () => `/sync/status/${ids.SyncTask}`, status: 404, seen: /PARTIAL/ },
  'post /ingest/chatgpt-export': { body: () => ({ root_path: '.' }), status: 403 },
  'post /ingest/chatgpt-export-multi-layer': { body: () => ({ root_path: '.' }), status: 403 },
  'get /assets/:id': { path: () => `/assets/${ids.Asset}`, status: 404, seen: /treasure/ },
};

test('every route has a case here', () => {
  const all = routes.map(({ method, path }) => `${method} ${path}`);
  expect(Object.keys(routeCases).toSorted()).toEqual(all.toSorted());
});

test.each(Object.keys(routeCases))('%s shows and changes a user’s own rows only', async (name) => {
  const [method = '', template = ''] = name.split(' ');
  const { path, body, status, seen } = routeCases[name] ?? { status: 0 };
  const url = path?.() ?? template;
  if (seen) expect((await server.client.rest(method.toUpperCase(), url)).text).toMatch(seen);
  const before = await rowsOf(server.viewer.userId);
  const answer = await other.client.rest(method.toUpperCase(), url, await body?.());
  expect(answer.status).toBe(status);
  if (seen) expect(answer.text).not.toMatch(seen);
  expectNoTrace(answer.text);
  expect(await rowsOf(server.viewer.userId)).toBe(before);
});

test('the same export imported by another user becomes rows of their own', async () => {
  const third = await server.asUser();
  const task = await sync(third.client, file.url);
  expect(task).toMatchObject({ counts: { added: 1, unchanged: 0, failed: 1, assetsAdded: 1 } });
  const { conversations } = await third.client.request<{
    conversations: { totalCount: number; edges: { node: { id: string } }[] };
  }>('{ conversations { totalCount edges { node { id } } } }');
  expect(conversations.totalCount).toBe(1);
  expect(conversations.edges[0]?.node.id).not.toBe(ids.Conversation);
});

function fieldsOf(name: string): string[] {
  const type = schema.getType(name);
  if (!isObjectType(type)) throw new Error(`The schema has no ${name}`);
  return Object.keys(type.getFields()).toSorted();
}

function interfaceNamed(name: string): GraphQLInterfaceType {
  const type = schema.getType(name);
  if (!isInterfaceType(type)) throw new Error(`The schema has no interface ${name}`);
  return type;
}

/** Everything that is stored of a user, in every table that knows users. */
async function rowsOf(userId: string): Promise<string> {
  const { database } = server.services;
  const tables = await database.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.columns
     WHERE table_schema = 'public' AND column_name = 'user_id' ORDER BY 1`,
  );
  const dumps = await Promise.all(
    tables.map(({ name }) =>
      database.query(`SELECT t::text FROM ${name} t WHERE user_id = $1 ORDER BY 1`, [userId]),
    ),
  );
  return JSON.stringify(dumps);
}

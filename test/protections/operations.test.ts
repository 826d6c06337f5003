import { buildClientSchema, getIntrospectionQuery, type IntrospectionQuery } from 'graphql';
import { createClient } from 'graphql-ws';
import { NIL } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeId } from '../../src/domain/global-id.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres', worker: false });
});
afterAll(() => server.close());

interface Refused {
  status: number;
  errors: { message: string; extensions?: { code?: string } }[];
  data?: unknown;
}

/** Sends a document as older clients do, which hear of a slip with a 200. */
const post = (query: string, variables: object = {}) => send(JSON.stringify({ query, variables }));

async function send(body: string): Promise<Refused> {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      'x-api-key': server.apiKey,
    },
    body,
  });
  return { status: response.status, ...((await response.json()) as Omit<Refused, 'status'>) };
}

const refusedWith = (message: RegExp) => ({
  status: 400,
  errors: [expect.objectContaining({ message: expect.stringMatching(message) })],
});

const nested = (depth: number) => {
  let inner = 'id';
  for (let level = 0; level < depth; level += 1) inner = `parent { ${inner} }`;
  return `{ node(id: "x") { ... on Message { ${inner} } } }`;
};
const repeat = (count: number, part: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => part(index)).join(' ');

const attacks: [name: string, query: string, message: RegExp][] = [
  ['a depth of 50', nested(50), /depth limit of 12 exceeded/],
  [
    '1,000 aliases',
    `{ ${repeat(250, (index) => `a${index}: viewer { id }`)} }`,
    /Token limit of 1000|Aliases limit of 30/,
  ],
  ['31 aliases', `{ ${repeat(31, (index) => `a${index}: viewer { id }`)} }`, /Aliases limit of 30 exceeded/],
  ['10,000 times __typename', `{ ${repeat(2_500, () => '__typename')} }`, /Token limit of 1000/],
  ['5,000 tokens', `{ ${repeat(5_000, () => 'x')} }`, /Token limit of 1000/],
  [
    'a flood of directives',
    `{ viewer { ${repeat(60, () => 'id @include(if: true)')} } }`,
    /Directives limit of 50/,
  ],
  ['a long document', `{ viewer { id } } # ${'x'.repeat(33_000)}`, /longer than 32768 characters/],
  ['pages without bounds', '{ conversations(first: 1000000000) { edges { node { id } } } }', /costs \d+/],
  [
    'pages within pages',
    `{ conversations(first: 100) { edges { node { messages(first: 100) { edges { node {
       conversation { messages(first: 100) { edges { node { text } } } } } } } } } } }`,
    /costs \d+, and 50000 is the most/,
  ],
  [
    'many ids',
    `query Many($ids: [ID!]!) { nodes(ids: $ids) { ... on Conversation { messages { edges { node { text } } } } } }`,
    /costs \d+/,
  ],
];

describe('Before it is executed,', () => {
  test.each(attacks)('%s is refused with a 400', async (_name, query, message) => {
    const variables = query.startsWith('query Many')
      ? { ids: Array.from({ length: 500 }, () => encodeId('Conversation', NIL)) }
      : {};
    const answer = await post(query, variables);
    expect(answer).toMatchObject(refusedWith(message));
    expect(answer.errors[0]?.extensions?.code).toBe('OPERATION_TOO_LARGE');
    expect(answer).not.toHaveProperty('data');
  });

  test('a fragment that contains itself is refused with a 400', async () => {
    const answer = await post(
      '{ viewer { ...a } } fragment a on User { id ...b } fragment b on User { id ...a }',
    );
    expect(answer.status).toBe(400);
    expect(answer.errors.map(({ message }) => message)).toContainEqual(
      expect.stringContaining('Cannot spread fragment'),
    );
  });

  test('fragments that double at every level are weighed without walking every way through them', async () => {
    const fragments = repeat(
      11,
      (level) =>
        `fragment f${level} on Message { parent { ...f${level + 1} } conversation { messages(first: 2) { edges { node { ...f${level + 1} } } } } }`,
    );
    const answer = await post(`{ node(id: "x") { ...f0 } } ${fragments} fragment f11 on Message { id }`);
    expect(answer.status).toBe(400);
  });

  test('several operations in one request are refused', async () => {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': server.apiKey },
      body: JSON.stringify(Array.from({ length: 100 }, () => ({ query: '{ viewer { id } }' }))),
    });
    expect(response.status).toBe(400);
    expect(await response.text()).not.toContain('"data"');
  });

  test('page sizes count that come as variables, and again when the same document comes with others', async () => {
    const query = `query Pages($first: Int!) {
      conversations(first: $first) { edges { node { messages(first: $first) { edges { node { id text } } } } } }
    }`;
    expect(await post(query, { first: 20 })).toMatchObject({
      status: 200,
      data: { conversations: { edges: [] } },
    });
    expect(await post(query, { first: 100 })).toMatchObject(refusedWith(/costs/));
    expect(await post(query, { first: 20 })).toMatchObject({ status: 200 });
    // The operation that is chosen is weighed, not the first one of the document.
    const two = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': server.apiKey },
      body: JSON.stringify({
        query: `query Cheap { viewer { id } } ${query}`,
        operationName: 'Pages',
        variables: { first: 100 },
      }),
    });
    expect(two.status).toBe(400);
  });

  test('variables that nest by the thousand are refused with a 400, also those that nothing takes', async () => {
    const nested = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    for (const query of ['{ viewer { id } }', 'query Q($ids: [ID!]!) { nodes(ids: $ids) { id } }']) {
      const answer = await send(`{"query":"${query}","variables":{"ids":${nested}}}`);
      expect(answer).toMatchObject(refusedWith(/nest deeper than 20 levels/));
    }
    expect(server.logged()).not.toContain('"level":50');
  });

  test('an id that is none lets nothing pass beside it', async () => {
    const query = `{ node(id: "x") { id } conversations(first: 100) { edges { node { messages(first: 100) { edges { node { text } } } } } } }`;
    expect(await post(query)).toMatchObject({
      status: 400,
      errors: [{ extensions: { code: 'OPERATION_TOO_LARGE' } }],
    });
  });

  test('variables that do not fit are still told as such', async () => {
    const answer = await post('query A($first: Int!) { conversations(first: $first) { edges { cursor } } }', {
      first: 'x',
    });
    expect(answer.errors[0]?.message).toContain('$first');
  });

  test('a WebSocket is held to the same, and stays open', async () => {
    const client = createClient({
      url: `${server.url.replace('http', 'ws')}/graphql`,
      connectionParams: { 'X-API-Key': server.apiKey },
      retryAttempts: 0,
      lazy: false,
    });
    const run = async (query: string) => {
      for await (const answer of client.iterate({ query })) return answer;
      return null;
    };
    // Those that are too long for a token or for a frame are left to their own tests.
    for (const [name, query, message] of attacks.filter(([, text]) => !text.startsWith('query Many'))) {
      const refused = run(query).then(
        (answer) => answer?.errors,
        (errors) => errors,
      );
      expect(await refused, name).toMatchObject([{ message: expect.stringMatching(message) }]);
    }
    expect(await run('{ viewer { displayName } }')).toEqual({ data: { viewer: { displayName: 'Owner' } } });
    await client.dispose();
  });
});

describe('What a rich client asks fits in:', () => {
  test('a page of messages with all that belongs to them', async () => {
    const answer = await post(
      `query Conversation($id: ID!, $first: Int!, $after: String) {
        viewer { id email displayName }
        conversation(id: $id) {
          ...Head
          assets { ...File }
          messages(path: ALL, first: $first, after: $after) {
            totalCount
            pageInfo { hasNextPage endCursor }
            edges { cursor node { ...Turn } }
          }
        }
      }
      fragment Head on Conversation { id provider externalId title model createdAt updatedAt archived starred branches messageCount }
      fragment File on Asset { id name mimeType sizeBytes url missing }
      fragment Turn on Message {
        id externalId role authorName kind contentType text model createdAt onActivePath siblingIndex siblingCount
        parent { id }
        children { id siblingIndex assets { ...File } }
        assets { ...File }
      }`,
      { id: 'x', first: 100 },
    );
    expect(answer).toMatchObject({ status: 200, data: { conversation: null } });
  });

  test('a page of conversations, each with the beginning of its messages', async () => {
    const answer = await post(`{
      conversations(first: 50) { totalCount edges { node { id title updatedAt messageCount
        messages(first: 20) { edges { node { id role text createdAt assets { id url } } } } } } }
      syncHistory(first: 20) { edges { node { id status counts { added } progress { fraction }
        problems(first: 10) { edges { node { outcome reason } } } } } }
    }`);
    expect(answer).toMatchObject({ status: 200, data: { conversations: { edges: [] } } });
  });

  test('the whole schema, where the server is open', async () => {
    const { data } = await post(getIntrospectionQuery());
    expect(buildClientSchema(data as IntrospectionQuery).getQueryType()?.name).toBe('Query');
  });
});

describe('In production', () => {
  let production: TestServer;
  beforeAll(async () => {
    production = await startTestServer({
      backend: 'postgres',
      worker: false,
      env: { ENVIRONMENT: 'production' },
    });
  });
  afterAll(() => production.close());

  test('nobody looks around, with a key or without, over HTTP or a WebSocket', async () => {
    for (const apiKey of [production.apiKey, null]) {
      const response = await fetch(`${production.url}/graphql`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/graphql-response+json',
          ...(apiKey ? { 'x-api-key': apiKey } : { 'x-graphql-yoga-csrf': '1' }),
        },
        body: JSON.stringify({ query: getIntrospectionQuery() }),
      });
      expect(response.status).toBe(400);
      expect(await response.text()).not.toContain('"data"');
    }
    const socket = createClient({
      url: `${production.url.replace('http', 'ws')}/graphql`,
      connectionParams: { 'X-API-Key': production.apiKey },
      retryAttempts: 0,
    });
    const asked = socket.iterate({ query: '{ __schema { types { name } } }' }).next();
    const errors = await asked.catch((refused) => refused);
    expect(errors[0]).toMatchObject({ message: expect.stringContaining('introspection') });
    await socket.dispose();
  });

  test('errors suggest no name', async () => {
    for (const [query, variables] of [
      ['{ viewr { id } }', {}],
      ['{ viewer { emial } }', {}],
      ['{ conversations(frist: 1) { totalCount } }', {}],
      ['{ conversations(orderBy: UPDATED_DES) { totalCount } }', {}],
      [
        'query A($by: ConversationOrder!) { conversations(orderBy: $by) { totalCount } }',
        { by: 'UPDATED_DES' },
      ],
      [
        'mutation A($input: StartSyncInput) { startSync(input: $input) { __typename } }',
        { input: { exportUrk: 'x' } },
      ],
    ] as const) {
      const { errors } = await production.client.ask(query, variables);
      expect(errors, query).toHaveLength(1);
      expect(errors?.[0]?.message, query).not.toContain('Did you mean');
    }
    const open = await server.client.ask('{ viewr { id } }');
    expect(open.errors?.[0]?.message).toContain('Did you mean "viewer"?');
  });
});

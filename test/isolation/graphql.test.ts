import {
  type GraphQLArgument,
  type GraphQLInputField,
  type GraphQLInterfaceType,
  getNamedType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
} from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { schema } from '../../src/graphql/schema.ts';
import { mutations, nestedArguments, type OperationCase, queries } from './operations.ts';
import { subscriptions } from './subscriptions.ts';
import { createWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.server.close());

const roots = { Query: queries, Mutation: mutations, Subscription: subscriptions };

test.each(Object.entries(roots))('every field of %s has a case', (name, cases) => {
  const fields = new Set(Object.keys(cases).map((key) => key.split('(')[0]));
  expect([...fields].toSorted()).toEqual(fieldsOf(name));
});

test('every argument that takes an id has a case that gives it one', () => {
  const nested: string[] = [];
  const silent: string[] = [];
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields())) {
      for (const arg of field.args.flatMap((each) => idsIn(each))) {
        const path = `${field.name}(${arg})`;
        if (!(type.name in roots)) nested.push(`${type.name}.${path}`);
        // A case of a subscription names the row that it watches by itself.
        else if (type.name !== 'Subscription') {
          const cases = type.name === 'Query' ? queries : mutations;
          const operation = cases[path] ?? cases[field.name];
          const isGiven = operation?.variables && operation.document.includes(`${arg.split('.').at(-1)}: $`);
          if (!isGiven) silent.push(path);
        }
      }
    }
  }
  expect(silent).toEqual([]);
  expect(Object.keys(nestedArguments).toSorted()).toEqual(nested.toSorted());
});

/** What the other user gets for a row of the first one, which must be what they get for one that nobody has. */
async function askAsStranger({ document, variables, isLast }: OperationCase): Promise<string> {
  const { client } = isLast ? await world.server.asUser() : world.other;
  const ask = async (id: World['foreign']) => {
    const { status, text } = await client.rest('POST', '/graphql', {
      query: document,
      variables: variables?.(id, world.own),
    });
    expect(status, text).toBe(200);
    return text;
  };
  const answer = await ask(world.foreign);
  world.expectNoTrace(answer);
  if (variables) expect(answer).toBe(await ask(world.unknown));
  return answer;
}

async function checkReading({ document, variables, seen, expected, isForEverybody }: OperationCase) {
  const own = await world.first.ask(document, variables?.(world.foreign, world.foreign));
  expect(own.errors).toBeUndefined();
  if (isForEverybody) {
    expect(JSON.parse(await askAsStranger({ document }))).toEqual(own);
    return;
  }
  if (!seen)
    throw new Error('Without something to see for the first user, others seeing nothing means nothing.');
  expect(JSON.stringify(own)).toMatch(seen);
  const answer = await askAsStranger({ document, variables });
  expect(answer).not.toMatch(seen);
  // Not even an error, which would tell that there is something.
  if (expected) expect(answer).toMatch(expected);
  else expect(JSON.parse(answer)).not.toHaveProperty('errors');
}

test.each(Object.entries(queries))('the query %s shows a user their own rows only', (_name, operation) =>
  checkReading(operation),
);

test.each(Object.entries(nestedArguments))('%s knows a user’s own rows only', (_name, operation) =>
  checkReading(operation),
);

test.each(Object.entries(mutations))(
  'the mutation %s leaves other people’s rows alone',
  async (_name, operation) => {
    const before = await world.rows();
    const answer = await askAsStranger(operation);
    expect(answer).toMatch(operation.expected ?? /$^/);
    expect(await world.rows()).toBe(before);
  },
);

test.each(Object.entries(subscriptions))(
  'the subscription %s tells a user of their own rows only',
  (_name, run) => run(world),
);

const nodeTypes = schema
  .getPossibleTypes(interfaceNamed('Node'))
  .map((type) => type.name)
  .toSorted();

test.each(nodeTypes)('a %s is a node to its owner and nothing to anybody else', async (name) => {
  const document = 'query Q($id: ID!) { node(id: $id) { __typename id } nodes(ids: [$id]) { id } }';
  const id = world.foreign(name);
  expect(await world.first.request(document, { id })).toEqual({
    node: { __typename: name, id },
    nodes: [{ id }],
  });
  const nothing = { data: { node: null, nodes: [null] } };
  expect(await world.other.client.ask(document, { id })).toEqual(nothing);
  expect(await world.other.client.ask(document, { id: world.unknown(name) })).toEqual(nothing);
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

/** The paths to all ids that an argument holds, through inputs of inputs. */
function idsIn({ name, type }: GraphQLArgument | GraphQLInputField, within: string[] = []): string[] {
  const inner = getNamedType(type);
  if (inner.name === 'ID') return [name];
  if (!isInputObjectType(inner) || within.includes(inner.name)) return [];
  return Object.values(inner.getFields()).flatMap((field) =>
    idsIn(field, [...within, inner.name]).map((path) => `${name}.${path}`),
  );
}

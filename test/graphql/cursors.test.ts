import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres', worker: false });
});
afterAll(() => server.close());

const forged = ['J:["a","b"]', 'J:["a"]', 'J:{}', 'J:null', 'S:x', 'N:5', 'T:["S:a","S:b"]', 'S:\0', ''];

/** Every connection of the query's root, as the server describes itself. */
async function connections(): Promise<string[]> {
  const { __schema } = await server.client.request<{
    __schema: { queryType: { fields: { name: string; args: { name: string; type: { kind: string } }[] }[] } };
  }>('{ __schema { queryType { fields { name args { name type { kind } } } } } }');
  return __schema.queryType.fields
    .filter(
      ({ args }) =>
        args.some(({ name }) => name === 'after') && args.every(({ type }) => type.kind !== 'NON_NULL'),
    )
    .map(({ name }) => name);
}

test('a forged cursor is refused as what it is, by every connection', async () => {
  const names = await connections();
  expect(names).toContain('backgroundTasks');
  expect(names.length).toBeGreaterThan(3);
  const masked: string[] = [];
  for (const name of names) {
    for (const cursor of forged) {
      const after = Buffer.from(`GPC:${cursor}`).toString('base64');
      for (const page of [`first: 2, after: "${after}"`, `last: 2, before: "${after}"`]) {
        const { errors = [] } = await server.client.ask(`{ ${name}(${page}) { edges { cursor } } }`);
        if (errors.some(({ extensions }) => extensions?.code === 'INTERNAL'))
          masked.push(`${name} ${cursor}`);
      }
    }
  }
  expect(masked).toEqual([]);
  const after = Buffer.from('GPC:J:["a","b"]').toString('base64');
  const { errors } = await server.client.ask(
    `{ backgroundTasks(first: 2, after: "${after}") { edges { cursor } } }`,
  );
  expect(errors).toMatchObject([
    { message: expect.stringContaining('not a cursor of this list'), extensions: { code: 'INVALID_INPUT' } },
  ]);
});

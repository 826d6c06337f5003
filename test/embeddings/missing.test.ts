import { afterAll, beforeAll, expect, test } from 'vitest';
import { messages } from '../search/search.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { userWith } from '../support/users.ts';
import { search, tasksOf } from './search.ts';

let plain: TestServer;
let configured: TestServer;
let user: TestUser;
let configuredUser: TestUser;
beforeAll(async () => {
  plain = await startTestServer({ backend: 'postgres' });
  const env = { EMBEDDINGS_BASE_URL: 'http://127.0.0.1:9/v1', EMBEDDINGS_MODEL: 'none' };
  configured = await startTestServer({ backend: 'postgres', env });
  const conversation = messages({ bread: 'Bread needs flour' });
  user = await userWith(plain, [conversation]);
  configuredUser = await userWith(configured, [conversation]);
});
afterAll(async () => {
  await plain.close();
  await configured.close();
});

const refusalOf = async (of: TestUser, mode: string) => {
  const { errors } = await of.client.ask(`{ search(query: "bread", mode: ${mode}) { totalCount } }`);
  return errors?.[0] as { message: string; extensions: object } | undefined;
};

test('Without model and pgvector a search by meaning names both and what to do', async () => {
  for (const mode of ['SEMANTIC', 'HYBRID']) {
    const refusal = await refusalOf(user, mode);
    expect(refusal?.extensions).toEqual({
      code: 'SEMANTIC_SEARCH_UNAVAILABLE',
      missing: ['MODEL', 'PGVECTOR'],
    });
    expect(refusal?.message).toMatch(
      /EMBEDDINGS_BASE_URL and EMBEDDINGS_MODEL.*pgvector.*DB_URL.*AUTO or KEYWORD/,
    );
  }
});

test('Without pgvector alone it names that alone', async () => {
  const refusal = await refusalOf(configuredUser, 'SEMANTIC');
  expect(refusal?.extensions).toMatchObject({ missing: ['PGVECTOR'] });
  expect(refusal?.message).not.toContain('EMBEDDINGS_BASE_URL');
});

test('The best that there is then is the search by words, and no task is begun', async () => {
  for (const each of [user, configuredUser]) {
    expect(await search(each, 'bread')).toMatchObject({ mode: 'KEYWORD', ids: ['bread'] });
    expect(await tasksOf(each)).toEqual([]);
  }
});

test('An analysis of what is found refuses a mode that cannot be had', async () => {
  const response = await fetch(new URL('/analyze', plain.url), {
    method: 'POST',
    headers: { 'x-api-key': user.apiKey, 'content-type': 'application/json' },
    body: JSON.stringify({ query: 'bread', search_mode: 'semantic' }),
  });
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({ detail: expect.stringContaining('EMBEDDINGS_BASE_URL') });
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddingModel } from '../../src/domain/services.ts';
import { openEmbeddingModel } from '../../src/infra/embeddings.ts';
import { type EmbeddingsServer, embeddingsKey, startEmbeddingsServer } from '../support/embeddings-server.ts';
import { quietLogger } from '../support/postgres.ts';

let server: EmbeddingsServer;
let model: EmbeddingModel;
beforeAll(async () => {
  server = await startEmbeddingsServer();
  model = openEmbeddingModel(
    { baseUrl: server.url, apiKey: embeddingsKey, model: 'grams', contextTokens: 100 },
    quietLogger,
  );
});
afterAll(() => server.close());

const texts = ['apple', 'banana', 'cherry'];
const embed = () => model.embed(texts, new AbortController().signal);

test('vectors that all have the same number, or none, belong to the texts in order', async () => {
  const vectors = await embed();
  server.bend = (given) => given.map((vector) => ({ ...vector, index: 0 }));
  expect(await embed()).toEqual(vectors);
  server.bend = (given) => given.map(({ embedding }) => ({ embedding }));
  expect(await embed()).toEqual(vectors);
});

test('an answer that leaves out a text is none, so that the text is asked for again', async () => {
  server.bend = (given) => given.slice(1);
  await expect(embed()).rejects.toMatchObject({ code: 'SEMANTIC_SEARCH_UNAVAILABLE', retryable: true });
});

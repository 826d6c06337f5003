import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chatGpt, node, say } from '../archive/builders.ts';
import { about, importAll, startChatServer } from '../support/chats.ts';
import type { TestClient } from '../support/client.ts';
import type { ModelServer } from '../support/model-server.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let model: ModelServer;
let client: TestClient;
let document: string;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ server, model, close } = await startChatServer());
  ({ client } = await server.asUser());
  const peas = 'Boil the marrowfat peas for forty minutes. Salt the marrowfat peas late.';
  await importAll(server, client, [about('soup', 'How long does the soup boil?', peas, 'On soup')]);
  const found = await client.request<{ conversations: { edges: { node: { id: string } }[] } }>(
    '{ conversations { edges { node { id } } } }',
  );
  document = found.conversations.edges[0]?.node.id ?? '';
});
afterAll(() => close());

describe('Analysis', () => {
  test('is the model’s where there is one, and says so', async () => {
    model.next((answer) => {
      answer.say('soup; peas\n\nIt is about soup.');
      answer.finish();
    });
    const analysis = await client.rest('POST', '/analyze', { query: 'marrowfat' });
    expect(analysis).toMatchObject({ status: 200 });
    expect(analysis.json).toEqual({
      topics: ['soup', 'peas'],
      summary: 'It is about soup.',
      method: 'model',
    });

    model.next((answer) => {
      answer.say('They boiled peas.');
      answer.finish();
    });
    const summary = await client.rest('GET', `/summarize/${document}`);
    expect(summary.json).toEqual({
      doc_id: document,
      summary: 'They boiled peas.',
      method: 'model',
      is_whole: true,
    });
  });

  test('is taken from the text itself when the model fails, and says so', async () => {
    model.next((answer) => answer.refuse(500));
    const { json } = await client.rest('GET', `/summarize/${document}`);
    expect(json).toMatchObject({ method: 'extractive', summary: expect.stringContaining('marrowfat peas') });
  });

  test('of nothing is nothing, and the model is not asked to make something up', async () => {
    const { client: reader } = await server.asUser();
    const instructions = say('user', 'Be brief', {
      metadata: { is_visually_hidden_from_conversation: true },
    });
    await importAll(server, reader, [chatGpt([node('hidden', null, instructions)])]);
    const { conversations } = await reader.request<{
      conversations: { edges: { node: { id: string } }[] };
    }>('{ conversations { edges { node { id } } } }');
    const id = conversations.edges[0]?.node.id ?? '';
    const asked = model.asked.length + model.askedForSuggestions.length;
    expect((await reader.rest('GET', `/summarize/${id}`)).json).toEqual({
      doc_id: id,
      summary: '',
      method: 'extractive',
      is_whole: true,
    });
    const { client: empty } = await server.asUser();
    expect((await empty.rest('POST', '/suggest', {})).json).toEqual({
      suggestions: [],
      method: 'extractive',
    });
    expect(model.asked.length + model.askedForSuggestions.length).toBe(asked);
  });

  test('suggests questions for a session, a query, or nothing in particular', async () => {
    const chat = await client.rest('POST', '/chat', { query: 'marrowfat' });
    for (const body of [
      { session_id: (chat.json as { session_id: string }).session_id },
      { query: 'soup' },
      {},
    ]) {
      expect((await client.rest('POST', '/suggest', body)).json).toEqual({
        suggestions: ['What came of it?', 'Who else was there?'],
        method: 'model',
      });
    }
  });
});

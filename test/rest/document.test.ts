import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chatGpt, dialogue, node, say } from '../archive/builders.ts';
import { importAll } from '../support/chats.ts';
import type { TestClient } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

interface Chunk {
  chunk_id: string;
  ordinal: number;
  text: string;
  start_char: number;
  end_char: number;
  token_count: number;
}

interface DocumentAnswer {
  document: { id: string; title: string };
  chunks: Chunk[];
  total_chunks: number;
}

/** More than the server reads at once. */
const LENGTH = 450;

let server: TestServer;
let client: TestClient;
let long: string;
let branched: string;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
  ({ client } = await server.asUser());
  const line = Array.from({ length: LENGTH }, (_, n) =>
    node(`n${n}`, n === 0 ? null : `n${n - 1}`, say(n % 2 === 0 ? 'user' : 'assistant', `said 😀é ${n}`), {
      children: n + 1 < LENGTH ? [`n${n + 1}`] : [],
    }),
  );
  const tree = [
    node('root', null, null, { children: ['q'] }),
    node('q', 'root', say('user', 'one question'), { children: ['a', 'b'] }),
    node('a', 'q', say('assistant', 'first answer'), { children: ['a2'] }),
    node('a2', 'a', say('user', 'thanks for the first'), { children: [] }),
    node('b', 'q', say('assistant', 'second answer'), { children: [] }),
  ];
  const { mapping } = chatGpt(line);
  await importAll(server, client, [
    dialogue('long', { mapping, current_node: `n${LENGTH - 1}`, title: 'A long talk' }),
    dialogue('tree', { mapping: chatGpt(tree).mapping, current_node: 'b', title: 'A tree' }),
  ]);
  const { conversations } = await client.request<{
    conversations: { edges: { node: { id: string; title: string } }[] };
  }>('{ conversations { edges { node { id title } } } }');
  const idOf = (title: string) =>
    conversations.edges.find((edge) => edge.node.title === title)?.node.id ?? '';
  [long, branched] = [idOf('A long talk'), idOf('A tree')];
});
afterAll(() => server.close());

async function read(path: string): Promise<DocumentAnswer> {
  const { status, json, text } = await client.rest('GET', path);
  expect(status, text).toBe(200);
  return json as DocumentAnswer;
}

describe('GET /document/{id}', () => {
  test('answers all messages with their places in the text of all', async () => {
    const { document, chunks, total_chunks: total } = await read(`/document/${long}`);
    expect(document).toEqual({
      id: long,
      title: 'A long talk',
      doc_type: 'conversation',
      mime_type: 'text/plain',
      source: 'chatgpt',
      metadata_json: expect.objectContaining({ external_id: 'long', branch_count: 1 }),
      created_at: expect.any(String),
    });
    expect(total).toBe(LENGTH);
    expect(chunks.map(({ text }) => text)).toEqual(Array.from({ length: LENGTH }, (_, n) => `said 😀é ${n}`));
    const whole = chunks.map(({ text }) => text).join('');
    for (const chunk of chunks) {
      expect(whole.slice(chunk.start_char, chunk.end_char)).toBe(chunk.text);
      expect(chunk.token_count).toBe(Math.ceil(Buffer.byteLength(chunk.text) / 4));
    }
  });

  test('answers a part of them, the same as in the whole', async () => {
    const { chunks } = await read(`/document/${long}`);
    for (const [offset, limit] of [
      [0, 10],
      [3, 250],
      [440, 100],
      [450, 1],
    ] as const) {
      const part = await read(`/document/${long}?offset=${offset}&limit=${limit}`);
      expect(part.chunks).toEqual(chunks.slice(offset, offset + limit));
      expect(part.total_chunks).toBe(LENGTH);
    }
    expect((await read(`/document/${long}?offset=448`)).chunks).toEqual(chunks.slice(448));
  });

  test('holds the messages of every branch', async () => {
    const { chunks } = await read(`/document/${branched}`);
    expect(chunks.map(({ text }) => text).toSorted()).toEqual([
      'first answer',
      'one question',
      'second answer',
      'thanks for the first',
    ]);
  });

  test('refuses a part that is none, and does not know what is not there', async () => {
    for (const query of ['limit=0', 'limit=x', 'limit=100001', 'offset=-1', 'offset=1e12']) {
      const { status, json } = await client.rest('GET', `/document/${long}?${query}`);
      expect(status, query).toBe(422);
      expect(json, query).toMatchObject({ detail: [{ loc: ['query', query.split('=')[0]] }] });
    }
    for (const id of ['nonsense', '%00', `${long}x`]) {
      expect(await client.rest('GET', `/document/${id}`), id).toMatchObject({
        status: 404,
        json: { detail: 'No such document.' },
      });
    }
  });
});

describe('GET /document/{id}/chunk/{cid}', () => {
  interface ChunkAnswer {
    target_chunk: Chunk;
    context_chunks: Chunk[];
    document: { title: string };
  }
  const chunkOf = async (id: string, cid: string, query = '') => {
    const { status, json, text } = await client.rest('GET', `/document/${id}/chunk/${cid}${query}`);
    expect(status, text).toBe(200);
    return json as ChunkAnswer;
  };

  test('answers a message as it stands in the document, and two before and after', async () => {
    const { chunks } = await read(`/document/${long}`);
    const at = (place: number) => chunks[place]?.chunk_id ?? '';
    const middle = await chunkOf(long, at(300));
    expect(middle.target_chunk).toEqual(chunks[300]);
    expect(middle.context_chunks).toEqual([298, 299, 301, 302].map((place) => chunks[place]));
    expect(middle.document.title).toBe('A long talk');
    expect((await chunkOf(long, at(0))).context_chunks).toEqual(chunks.slice(1, 3));
    expect((await chunkOf(long, at(7), '?context=0')).context_chunks).toEqual([]);
    expect((await chunkOf(long, at(449), '?context=20')).context_chunks).toEqual(chunks.slice(429, 449));
  });

  test('keeps to the branch of the message', async () => {
    const { chunks } = await read(`/document/${branched}`);
    const first = chunks.find(({ text }) => text === 'first answer');
    const { context_chunks: around } = await chunkOf(branched, first?.chunk_id ?? '');
    expect(around.map(({ text }) => text)).toEqual(['one question', 'thanks for the first']);
  });

  test('refuses too wide a context, and does not know a message of another document', async () => {
    const { chunks } = await read(`/document/${branched}`);
    const cid = chunks[0]?.chunk_id ?? '';
    for (const context of ['-1', '21', 'x']) {
      const { status, json } = await client.rest(
        'GET',
        `/document/${branched}/chunk/${cid}?context=${context}`,
      );
      expect(status).toBe(422);
      expect(json).toMatchObject({ detail: [{ loc: ['query', 'context'] }] });
    }
    for (const path of [`${long}/chunk/${cid}`, `${branched}/chunk/nonsense`, `${branched}/chunk/%00`]) {
      expect(await client.rest('GET', `/document/${path}`), path).toMatchObject({ status: 404 });
    }
  });
});

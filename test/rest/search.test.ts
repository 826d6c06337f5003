import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { about, importAll } from '../support/chats.ts';
import type { TestClient } from '../support/client.ts';
import { dated, muchOfLate } from '../support/dated.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

interface Hit {
  rank: number;
  score: number;
  source: string;
  preview: string;
  loc: { doc_id: string; chunk_id: string; start: number; end: number };
  context_json: { context: { doc: string; loc: Hit['loc']; quote: string }[] };
}

interface Answer {
  query: string;
  hits: Hit[];
  layer_weights: Record<string, number>;
  layer_results_count: Record<string, number>;
  total_candidates: number;
}

const filler = (words: number) => Array.from({ length: words }, (_, index) => `word${index}`).join(' ');

let server: TestServer;
let client: TestClient;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
  ({ client } = await server.asUser());
  const harbour = 'The harbour opens at nine and the harbour closes at five every day of the week.';
  await importAll(server, client, [
    ...[1, 2, 3, 4].map((number) => about(`copy${number}`, `Opening ${number}`, harbour, 'Opening times')),
    about(
      'other',
      'Fish',
      `Herring is sold in the harbour by boats from the north. ${filler(20)}`,
      'Fish market',
    ),
    about('far', 'Far away', `😀 ${filler(400)} the lighthouse 😀 stands here ${filler(400)}`, 'A long text'),
    about('whole', 'On amber and basalt', 'On cobalt and dolomite', 'All in an exchange'),
    about('most', 'On amber, basalt and cobalt', 'Nothing to say', 'Most in a message'),
    about('split', 'Which glacier is the largest?', 'Lambert, in the east of the continent.', 'Ice'),
  ]);
});
afterAll(() => server.close());

async function ask(path: string, body: object): Promise<Answer> {
  const { status, json, text } = await client.rest('POST', path, body);
  expect(status, text).toBe(200);
  return json as Answer;
}

const sources = ({ hits }: Answer) => hits.map(({ source }) => source);

describe('POST /search', () => {
  test('answers where the message matches, as it stands in the document, and what was said around it', async () => {
    const { query, hits } = await ask('/search', { query: 'lighthouse' });
    expect(query).toBe('lighthouse');
    expect(hits).toHaveLength(1);
    const [hit] = hits;
    expect(hit).toMatchObject({ rank: 1, score: expect.any(Number), source: 'A long text' });
    expect(hit?.preview).toContain('the lighthouse 😀 stands');
    expect(hit?.preview.length).toBeLessThanOrEqual(320);
    const { doc_id: id, chunk_id: cid, start, end } = hit?.loc ?? {};
    const { json } = await client.rest('GET', `/document/${id}/chunk/${cid}`);
    const { target_chunk: chunk } = json as { target_chunk: { text: string } };
    expect(start).toBeGreaterThan(100);
    expect(chunk.text.slice(start, end)).toBe(hit?.preview);
    expect(hit?.context_json.context).toEqual([
      {
        doc: id,
        loc: { doc_id: id, chunk_id: expect.any(String), start: 0, end: 'Far away'.length },
        quote: 'Far away',
      },
    ]);
  });

  test('answers as many hits as are asked for, ranked, each message once', async () => {
    const { hits } = await ask('/search', { query: 'harbour', k: 3 });
    expect(hits.map(({ rank }) => rank)).toEqual([1, 2, 3]);
    expect(new Set(hits.map(({ loc }) => loc.chunk_id)).size).toBe(3);
    expect(hits.map(({ score }) => score)).toEqual(hits.map(({ score }) => score).toSorted((a, b) => b - a));
    expect((await ask('/search', { query: 'harbour' })).hits).toHaveLength(5);
    expect((await ask('/search', { query: 'nowhere-to-be-found' })).hits).toEqual([]);
  });

  test.each([
    ['/search', { query: '' }, 'query'],
    ['/search', {}, 'query'],
    ['/search', { query: 7 }, 'query'],
    ['/search', { query: 'x', k: 0 }, 'k'],
    ['/search', { query: 'x', k: 31 }, 'k'],
    ['/search/advanced', { query: 'x', candidates: 9 }, 'candidates'],
    ['/search/advanced', { query: 'x', candidates: 201 }, 'candidates'],
    ['/search/advanced', { query: 'x', lambda: 1.1 }, 'lambda'],
    ['/search-multi-layer', { query: 'x', k: 1.5 }, 'k'],
  ])('%s refuses %j by the name of the field', async (path, body, field) => {
    const { status, json } = await client.rest('POST', path, body);
    expect(status).toBe(422);
    expect(json).toEqual({
      detail: [{ loc: ['body', field], msg: expect.any(String), type: expect.any(String) }],
    });
  });
});

describe('POST /search/advanced', () => {
  test('is the same as /search when only relevance counts', async () => {
    const plain = await ask('/search', { query: 'harbour', k: 5 });
    const diverse = await ask('/search/advanced', { query: 'harbour', k: 5, lambda: 1 });
    expect(diverse).toEqual(plain);
  });

  test('puts what says something else before what says the same again', async () => {
    expect(sources(await ask('/search', { query: 'harbour', k: 2 }))).toEqual([
      'Opening times',
      'Opening times',
    ]);
    const diverse = await ask('/search/advanced', { query: 'harbour', k: 2, lambda: 0.3 });
    expect(sources(diverse)).toEqual(['Opening times', 'Fish market']);
    expect(diverse.hits.map(({ rank }) => rank)).toEqual([1, 2]);
  });

  test('chooses among as many candidates as it is told, up to 200', async () => {
    const { client: reader } = await server.asUser();
    const many = Array.from({ length: 120 }, (_, n) => about(`m${n}`, `lantern number${n}`, `reply ${n}`));
    await importAll(server, reader, many);
    for (const [candidates, query] of [
      [10, 'lantern'],
      [200, 'lantern'],
    ] as const) {
      const { json } = await reader.rest('POST', '/search/advanced', { query, candidates, k: 30 });
      const { hits } = json as Answer;
      expect(hits).toHaveLength(Math.min(30, candidates));
      expect(new Set(hits.map(({ loc }) => loc.chunk_id)).size).toBe(hits.length);
    }
  });
});

describe('POST /search-multi-layer', () => {
  test('finds words that stand in a question and its answer', async () => {
    const query = 'largest glacier Lambert';
    expect((await ask('/search', { query })).hits).toEqual([]);
    const found = await ask('/search-multi-layer', { query });
    expect(found.hits[0]).toMatchObject({ rank: 1, source: 'Ice' });
    expect(found.layer_weights).toEqual({ message: 0.5, exchange: 0.3, conversation: 0.2 });
    expect(found.layer_results_count).toEqual({ message: 0, exchange: 2, conversation: 1 });
    expect(found.total_candidates).toBe(2);
  });

  test('prefers an exchange with all of the words to a message with most of them', async () => {
    const found = await ask('/search-multi-layer', { query: 'amber basalt cobalt dolomite' });
    expect(sources(found)[0]).toBe('All in an exchange');
    expect(sources(found)).toContain('Most in a message');
  });

  test('finds an exchange of long ago of which one word is common of late', async () => {
    const { client: reader } = await server.asUser();
    await importAll(server, reader, [
      muchOfLate('late', 'A colour of paint'),
      dated('old', 'Instruments', [
        { role: 'user', at: '2020-01-01T12:00:00Z', text: 'Where is the glockenspiel?' },
        { role: 'assistant', at: '2020-01-01T12:01:00Z', text: 'It has the colour of brass.' },
      ]),
    ]);
    const { json } = await reader.rest('POST', '/search-multi-layer', { query: 'glockenspiel colour', k: 1 });
    expect(sources(json as Answer)).toEqual(['Instruments']);
  });

  test('scores a hit by its ranks in the layers, and keeps out what is excluded', async () => {
    const found = await ask('/search-multi-layer', { query: 'herring north' });
    expect(found.hits[0]?.source).toBe('Fish market');
    expect(found.hits[0]?.score).toBeCloseTo(0.5 / 61 + 0.3 / 61 + 0.2 / 61, 10);
    expect((await ask('/search-multi-layer', { query: 'herring north -boats' })).hits).toEqual([]);
    // However it is typed: with the quotes of a phone, behind a comma, never closed.
    for (const exclusion of [' -“boats from”', ',-boats', ' -"boats from']) {
      const query = `herring north${exclusion}`;
      expect((await ask('/search-multi-layer', { query })).hits, query).toEqual([]);
    }
    const others = Array.from({ length: 21 }, (_, index) => `unsaid${index}`).join(' ');
    const long = `${others} herring -boats -unsaid`;
    expect((await ask('/search-multi-layer', { query: long })).hits).toEqual([]);
    const one = await ask('/search-multi-layer', { query: 'harbour', k: 2 });
    expect(one.hits).toHaveLength(2);
    expect(one.layer_results_count).toEqual({ message: 5, exchange: 5, conversation: 5 });
  });

  test('takes what a person might type without failing', async () => {
    for (const query of ['%', '😀', '-', '" OR "', 'OR', 'the and of', 'x '.repeat(499), '-"a b" OR -c']) {
      for (const path of ['/search', '/search/advanced', '/search-multi-layer']) await ask(path, { query });
    }
  });
});

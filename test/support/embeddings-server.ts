import { createHash } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/** The secret that it wants to hear. */
export const embeddingsKey = 'sk-embed-2718281828459045';

const DIMENSIONS = 256;

export interface Vector {
  index: number;
  embedding: number[];
}

export interface EmbeddingsServer {
  /** As EMBEDDINGS_BASE_URL wants it. */
  url: string;
  /** Every text that was answered with a vector, in order. */
  reckoned: string[];
  /** Refuses texts that are longer, as a model does whose window they do not fit. */
  maxCharacters: number;
  /** How many numbers a vector of it has. */
  dimensions: number;
  /** With what it answers requests that hold a text with this in it. */
  fault: { text: string; status: number } | null;
  /** What it does to the vectors of an answer, which come in no order: their index tells it. */
  bend: (vectors: Vector[]) => object[];
  close(): Promise<void>;
}

/** A server on loopback that speaks OpenAI's embeddings; its vectors are hashed n-grams, which the same word's forms share. */
export async function startEmbeddingsServer(dimensions = DIMENSIONS): Promise<EmbeddingsServer> {
  const state: Omit<EmbeddingsServer, 'url' | 'close'> = {
    reckoned: [],
    maxCharacters: Number.POSITIVE_INFINITY,
    dimensions,
    fault: null,
    bend: (vectors) => vectors.toReversed(),
  };
  const server = createServer(async (request, response) => {
    if (request.headers.authorization !== `Bearer ${embeddingsKey}`) return refuse(response, 401);
    if (request.url !== '/v1/embeddings') return refuse(response, 404);
    const { input } = (await json(request)) as { input: string[] };
    const { fault } = state;
    if (fault && input.some((text) => text.includes(fault.text))) return refuse(response, fault.status);
    if (input.some((text) => text.length > state.maxCharacters)) return refuse(response, 400);
    state.reckoned.push(...input);
    const vectors = input.map((text, index) => ({ index, embedding: hashedGrams(text, state.dimensions) }));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ object: 'list', data: state.bend(vectors), model: 'x' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(state, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  });
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-type': 'application/json', 'retry-after-ms': '1' });
  response.end(JSON.stringify({ error: { message: `No: ${embeddingsKey}` } }));
}

/** Counts of the text's runs of three to five letters within words, each at a place by its hash. */
export function hashedGrams(text: string, dimensions: number): number[] {
  const vector = new Array<number>(dimensions).fill(0);
  for (const [word] of text
    .normalize('NFKD')
    .toLowerCase()
    .matchAll(/[\p{L}\p{N}]+/gu)) {
    const padded = `<${word}>`;
    for (let length = 3; length <= 5; length += 1) {
      for (let at = 0; at + length <= padded.length; at += 1) {
        const hash = createHash('sha1')
          .update(padded.slice(at, at + length))
          .digest()
          .readUInt32BE();
        // The sign keeps chance collisions from adding up.
        const place = hash % dimensions;
        vector[place] = (vector[place] ?? 0) + (hash & 0x80000000 ? 1 : -1);
      }
    }
  }
  return vector;
}

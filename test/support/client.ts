import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createSocketClient } from 'graphql-ws';

export interface HttpAnswer {
  status: number;
  headers: Headers;
  text: string;
  /** Undefined when the text is no JSON. */
  json: unknown;
}

export interface GraphQLAnswer<Data> {
  data?: Data | null;
  errors?: { message: string; path?: (string | number)[]; extensions?: Record<string, unknown> }[];
}

/** How subscriptions travel. */
export type Transport = 'sse' | 'websocket';

export interface TestClient {
  /** The data of an operation. Throws with query, body and request id when there is any error. */
  request<Data>(query: string, variables?: Record<string, unknown>): Promise<Data>;
  /** The whole answer, errors included. */
  ask<Data>(query: string, variables?: Record<string, unknown>): Promise<GraphQLAnswer<Data>>;
  /** Ends with the subscription; `return()` ends it early. Throws what the server answers as errors. */
  subscribe<Data>(
    transport: Transport,
    query: string,
    variables?: Record<string, unknown>,
  ): AsyncIterableIterator<Data>;
  /** A REST call; an object is sent as JSON, a Buffer as a zip. */
  rest(method: string, path: string, body?: object | Buffer): Promise<HttpAnswer>;
  /** Ends what is still open. */
  close(): Promise<void>;
}

/**
 * A client of a running server; without a key it is a stranger who knows the rules of CSRF. With `comesAgain` a lost SSE
 * stream is subscribed to anew, as the library does by itself, without its pauses.
 */
export function createTestClient(
  serverUrl: string,
  apiKey: string | null,
  { comesAgain = false } = {},
): TestClient {
  const url = `${serverUrl}/graphql`;
  const headers: Record<string, string> = apiKey
    ? { 'x-api-key': apiKey }
    : { 'x-graphql-yoga-csrf': 'test' };
  const retry = () => delay(100);
  const sse = createSseClient({ url, headers, retryAttempts: comesAgain ? 100 : 0, retry });
  const socket = createSocketClient({
    url: url.replace('http', 'ws'),
    connectionParams: apiKey ? { 'X-API-Key': apiKey } : {},
    retryAttempts: 0,
  });

  async function post(query: string, variables: Record<string, unknown>) {
    const requestId = `test-${randomUUID()}`;
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', 'x-request-id': requestId },
      body: JSON.stringify({ query, variables }),
    });
    const text = await response.text();
    const describe = () =>
      `${response.status} for request ${requestId}\n${query}\n${JSON.stringify(variables)}\n${text}`;
    return { text, describe };
  }

  return {
    async request<Data>(query: string, variables: Record<string, unknown> = {}) {
      const { text, describe } = await post(query, variables);
      const answer = parse(text) as GraphQLAnswer<Data> | undefined;
      if (!answer?.data || answer.errors) throw new Error(describe());
      return answer.data;
    },
    async ask<Data>(query: string, variables: Record<string, unknown> = {}) {
      const { text, describe } = await post(query, variables);
      const answer = parse(text) as GraphQLAnswer<Data> | undefined;
      if (!answer) throw new Error(describe());
      return answer;
    },
    async *subscribe<Data>(transport: Transport, query: string, variables: Record<string, unknown> = {}) {
      const client = transport === 'sse' ? sse : socket;
      for await (const { data, errors } of client.iterate<Data>({ query, variables })) {
        if (errors || !data) throw new Error(`${JSON.stringify(errors)}\n${query}`);
        yield data;
      }
    },
    async rest(method, path, body) {
      const isZip = Buffer.isBuffer(body);
      const response = await fetch(`${serverUrl}${path}`, {
        method,
        headers: {
          ...headers,
          ...(body && { 'content-type': isZip ? 'application/zip' : 'application/json' }),
        },
        body: body && (isZip ? new Uint8Array(body) : JSON.stringify(body)),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, text, json: parse(text) };
    },
    async close() {
      sse.dispose();
      await socket.dispose();
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

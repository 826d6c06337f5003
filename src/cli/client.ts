/** A GraphQL client of a running Sidecar, as anybody could write it: HTTP for operations, SSE for subscriptions. */
import { createClient as createSseClient } from 'graphql-sse';

export interface Client {
  /** Throws an Error with the server's own words. */
  request<Data>(query: string, variables?: Record<string, unknown>): Promise<Data>;
  /** Yields each event's data; ends with the subscription. Reconnects by itself when the connection is lost. */
  subscribe<Data>(query: string, variables?: Record<string, unknown>): AsyncIterable<Data>;
}

export function createClient(serverUrl: string, apiKey: string): Client {
  const url = `${serverUrl}/graphql`;
  const headers = { 'x-api-key': apiKey };
  const sse = createSseClient({ url, headers, retryAttempts: 10 });
  return {
    async request<Data>(query: string, variables: Record<string, unknown> = {}) {
      const response = await fetch(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify({ query, variables }),
      });
      const answer = (await response.json()) as { data?: Data; errors?: { message: string }[] };
      if (answer.errors?.length || !answer.data)
        throw new Error(wordsOf(answer.errors) || response.statusText);
      return answer.data;
    },
    async *subscribe<Data>(query: string, variables: Record<string, unknown> = {}) {
      for await (const event of sse.iterate<Data>({ query, variables })) {
        if (event.errors?.length || !event.data) throw new Error(wordsOf(event.errors));
        yield event.data as Data;
      }
    },
  };
}

const wordsOf = (errors: readonly { message: string }[] | undefined) =>
  errors?.map((error) => error.message).join('; ') ?? 'the server gave no answer';

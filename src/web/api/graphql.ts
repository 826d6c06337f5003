import type { TypedDocumentString } from '../../generated/web/operations.ts';
import { fetchInTime } from './silence.ts';

const HEADERS = {
  'Content-Type': 'application/json',
  // The server asks browsers for a header that no other site could make them send.
  'x-graphql-yoga-csrf': '1',
};

/** What the server answered instead of data. `code` is the API’s, or OFFLINE when nothing was reached. */
export class ApiError extends Error {
  readonly code: string;
  readonly requestId: string | null;
  constructor(message: string, code: string, requestId: string | null = null) {
    super(message);
    this.name = 'ApiError';
    this.code = code;
    this.requestId = requestId;
  }
}

interface Answer<T> {
  data?: T | null;
  errors?: { message: string; extensions?: { code?: string } }[];
}

/** Asks the API. Throws an ApiError when it cannot be reached or refuses. */
export async function ask<T, V extends Record<string, unknown>>(
  document: TypedDocumentString<T, V>,
  ...[variables, signal]: V extends Record<string, never> ? [V?, AbortSignal?] : [V, AbortSignal?]
): Promise<T> {
  let response: Response;
  try {
    response = await fetchInTime('/graphql', {
      method: 'POST',
      headers: { ...HEADERS, Accept: 'application/graphql-response+json' },
      body: JSON.stringify({ query: document.toString(), variables }),
      signal: signal ?? null,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError('', 'OFFLINE');
  }
  const requestId = response.headers.get('X-Request-Id');
  const answer = (await response.json().catch(() => null)) as Answer<T> | null;
  const [failure] = answer?.errors ?? [];
  if (failure) throw new ApiError(failure.message, failure.extensions?.code ?? 'INTERNAL', requestId);
  // A proxy speaks for a server that is not there.
  if (!answer?.data) throw new ApiError('', response.status >= 502 ? 'OFFLINE' : 'INTERNAL', requestId);
  return answer.data;
}

/** A mutation’s answer without the failures that the schema names. */
type Succeeded<T> = Exclude<T, { message: string }>;

/** The answer of a mutation; throws an ApiError for one of the failures that the schema names. */
export function orThrow<T extends { __typename?: string } | { __typename: string; message: string }>(
  result: T,
): Succeeded<T> {
  if ('message' in result && typeof result.message === 'string') {
    throw new ApiError(result.message, codeOf(result.__typename));
  }
  return result as Succeeded<T>;
}

/** The code of a failure that the schema names: NOT_FOUND for the type NotFound. */
const codeOf = (typename = 'Internal'): string => typename.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();

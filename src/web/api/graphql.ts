import type { TypedDocumentString } from '../../generated/web/operations.ts';
import { fetchUnlessSilent } from './silence.ts';

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

/** Whether the same request may be answered once the server, or its database, is back. */
export const isAway = (error: unknown): boolean =>
  error instanceof ApiError && (error.code === 'OFFLINE' || error.code === 'UNAVAILABLE');

/** Asks the API. Throws an ApiError when it cannot be reached or refuses. */
export async function ask<T, V extends Record<string, unknown>>(
  document: TypedDocumentString<T, V>,
  ...[variables, signal]: V extends Record<string, never> ? [V?, AbortSignal?] : [V, AbortSignal?]
): Promise<T> {
  let response: Response;
  let text: string;
  try {
    response = await fetchUnlessSilent('/graphql', {
      method: 'POST',
      headers: { ...HEADERS, Accept: 'application/graphql-response+json' },
      body: JSON.stringify({ query: document.toString(), variables }),
      signal: signal ?? null,
    });
    // An answer that breaks off is none.
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError('', 'OFFLINE');
  }
  const requestId = response.headers.get('X-Request-Id');
  const answer = parse<T>(text);
  const [failure] = answer?.errors ?? [];
  if (failure) throw new ApiError(failure.message, failure.extensions?.code ?? 'INTERNAL', requestId);
  // A proxy speaks for a server that is not there.
  if (!answer?.data) throw new ApiError('', response.status >= 502 ? 'OFFLINE' : 'INTERNAL', requestId);
  return answer.data;
}

/** Null for what is no JSON: a proxy’s own page. */
function parse<T>(text: string): Answer<T> | null {
  try {
    return JSON.parse(text) as Answer<T>;
  } catch {
    return null;
  }
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

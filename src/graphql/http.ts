import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendNodeResponse } from '@whatwg-node/server';
import type { createGraphQL, ServerContext } from './yoga.ts';

/**
 * Lets Yoga answer a request. What is no stream is sent whole: with its length, and in one write to the socket, where
 * Yoga's own way takes three chunks.
 */
export async function answerOverHttp(
  yoga: ReturnType<typeof createGraphQL>,
  request: IncomingMessage,
  response: ServerResponse,
  context: ServerContext,
): Promise<void> {
  const answer = await yoga.handleNodeRequestAndResponse(request, response, context);
  if (isStream(answer)) return sendNodeResponse(answer, response, request, true);
  const text = await answer.text();
  // A body that did not come in time was answered meanwhile.
  if (response.headersSent || response.destroyed) return;
  response.statusCode = answer.status;
  for (const [name, value] of answer.headers) response.setHeader(name, value);
  response.end(text);
}

/** Server-sent events, and results in parts (`multipart/mixed`). */
const isStream = ({ headers }: Response) =>
  /^(text\/event-stream|multipart\/)/.test(headers.get('content-type') ?? '');

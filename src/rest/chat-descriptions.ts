/** What GET /openapi.json says of the routes in chat.ts. */
import { z } from 'zod';
import { analyzeInput, chatInput, historyInput, suggestInput } from '../domain/chat/input.ts';
import type { RouteDescription } from './openapi/description.ts';

/** A message that the answer rests on. Ids and texts are null or empty once it is deleted. */
const context = z
  .strictObject({
    rank: z.int().meta({ description: 'The number in brackets by which the answer cites it.' }),
    score: z.number(),
    source: z.string().nullable().meta({ description: 'Title of the conversation.' }),
    preview: z.string(),
    text: z.string().meta({ description: 'What the model was given of it.' }),
    doc_id: z.string().nullable(),
    chunk_id: z.string().nullable(),
    start_char: z.int().meta({ description: 'Of `text`, in the text of the message.' }),
    end_char: z.int(),
    context_json: z.strictObject({
      context: z.array(
        z.strictObject({
          doc: z.string().nullable(),
          loc: z.strictObject({
            doc_id: z.string().nullable(),
            chunk_id: z.string(),
            start: z.int(),
            end: z.int(),
          }),
          quote: z.string(),
        }),
      ),
    }),
  })
  .meta({ id: 'ChatContext', description: 'A message that the answer rests on.' });

const method = z
  .enum(['model', 'extractive'])
  .meta({ description: 'Who wrote it: the model, or Sidecar by picking words and sentences.' });

export const health: RouteDescription = {
  summary: 'Whether there is a model that answers.',
  scope: null,
  answer: z.strictObject({
    ok: z.literal(true),
    chat_available: z.boolean(),
    model_info: z.strictObject({ model: z.string(), context_tokens: z.int() }).optional(),
    error: z.string().optional(),
  }),
};

const question = {
  scope: 'read',
  body: chatInput,
  errors: ['NOT_FOUND', 'TOO_MANY_REQUESTS', 'CHAT_UNAVAILABLE'],
} satisfies Partial<RouteDescription>;

export const chat: RouteDescription = {
  ...question,
  summary: 'Ask the model about your history.',
  details: 'Send `query`, or `retry_turn_id` alone to ask a turn again that failed.',
  answer: z.strictObject({
    session_id: z.string(),
    response: z.string(),
    context: z.array(context),
    query: z.string(),
    suggestions: z.array(z.string()),
  }),
};

export const stream: RouteDescription = {
  ...question,
  summary: 'The same, as the answer is written.',
  details:
    'Each event is `{type, data}`: context, session_id, token as often as needed, suggestions, done; or error, after which the stream ends.',
  answer: { mediaTypes: ['text/event-stream'] },
};

export const history: RouteDescription = {
  summary: 'The last questions and answers of a session, in order.',
  scope: 'read',
  query: historyInput,
  answer: z.strictObject({
    session_id: z.string(),
    history: z.array(z.strictObject({ user: z.string(), assistant: z.string(), status: z.string() })),
  }),
};

export const deletion: RouteDescription = {
  summary: 'Delete a session.',
  scope: 'write',
  answer: z.strictObject({ message: z.string(), session_id: z.string() }),
};

export const analysis: RouteDescription = {
  summary: 'What a text, or your history on a query, is about.',
  details: 'Send either `text` or `query`.',
  scope: 'read',
  body: analyzeInput,
  errors: ['TOO_MANY_REQUESTS', 'SEMANTIC_SEARCH_UNAVAILABLE'],
  answer: z.strictObject({ topics: z.array(z.string()), summary: z.string(), method }),
};

export const suggestions: RouteDescription = {
  summary: 'Up to five questions that could come next.',
  scope: 'read',
  body: suggestInput,
  errors: ['NOT_FOUND', 'TOO_MANY_REQUESTS'],
  answer: z.strictObject({ suggestions: z.array(z.string()), method }),
};

export const summary: RouteDescription = {
  summary: 'A summary of a conversation.',
  scope: 'read',
  errors: ['TOO_MANY_REQUESTS'],
  answer: z.strictObject({
    doc_id: z.string(),
    summary: z.string(),
    method,
    is_whole: z.boolean().meta({ description: 'False when it was too long to be read whole.' }),
  }),
};

import { Readable } from 'node:stream';
import { z } from 'zod';
import {
  type Chunk,
  chunkInput,
  type Document,
  documentInput,
  getChunk,
  openDocument,
} from '../domain/conversation/document.ts';
import { encodeId, localId } from '../domain/global-id.ts';
import type { Conversation } from '../generated/prisma/client.ts';
import type { Route } from './router.ts';

/** Of UTF-8; OpenAI's rule of thumb for English, and nearer than characters for other scripts. */
const BYTES_PER_TOKEN = 4;

const documentSchema = z
  .strictObject({
    id: z.string(),
    title: z.string(),
    doc_type: z.literal('conversation'),
    mime_type: z.literal('text/plain'),
    source: z.string().meta({ description: 'Where it was held, such as `chatgpt`.' }),
    metadata_json: z.strictObject({
      external_id: z.string(),
      model: z.string().nullable(),
      archived: z.boolean(),
      starred: z.boolean(),
      branch_count: z.int(),
      updated_at: z.iso.datetime().nullable(),
    }),
    created_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Document', description: 'A conversation.' });

const chunkSchema = z
  .strictObject({
    chunk_id: z.string(),
    ordinal: z.int().meta({ description: 'From 0, over all branches.' }),
    text: z.string(),
    start_char: z.int().meta({ description: 'In the texts of all messages one after the other.' }),
    end_char: z.int(),
    token_count: z.int().meta({ description: 'An estimate: a quarter of the bytes of UTF-8.' }),
  })
  .meta({ id: 'Chunk', description: 'A message.' });

export const documentRoutes: Route[] = [
  {
    method: 'get',
    path: '/document/:id',
    about: {
      summary: 'A conversation with all its messages.',
      details:
        'Those of other branches and hidden ones are there, too. All of them come, as a stream, unless `limit` and `offset` choose a part; `total_chunks` counts all.',
      scope: 'read',
      query: documentInput,
      answer: z.strictObject({
        document: documentSchema,
        chunks: z.array(chunkSchema),
        total_chunks: z.int(),
      }),
    },
    async handle(services, { viewer, params, query }) {
      const { limit, offset } = query;
      const id = localId('Conversation', params.id ?? '');
      const document = await openDocument(services, viewer, id, { limit, offset });
      return {
        stream: Readable.from(jsonOf(document), { objectMode: false }),
        headers: { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'private, no-store' },
      };
    },
  },
  {
    method: 'get',
    path: '/document/:id/chunk/:cid',
    about: {
      summary: 'One message, and those around it on its branch.',
      details:
        '`context` is how many on each side; `context_chunks` are in order and without the message itself.',
      scope: 'read',
      query: chunkInput,
      answer: z.strictObject({
        target_chunk: chunkSchema,
        context_chunks: z.array(chunkSchema),
        document: documentSchema,
      }),
    },
    async handle(services, { viewer, params, query }) {
      const ids = {
        id: localId('Conversation', params.id ?? ''),
        chunkId: localId('Message', params.cid ?? ''),
      };
      const found = await getChunk(services, viewer, ids, { context: query.context });
      return {
        body: {
          target_chunk: toChunk(ids.id, found.target),
          context_chunks: found.context.map((chunk) => toChunk(ids.id, chunk)),
          document: toDocument(found.conversation),
        },
      };
    },
  },
];

/** A document as JSON, written as its chunks are read. */
async function* jsonOf({ conversation, totalChunks, chunks }: Document): AsyncGenerator<string> {
  yield `{"document":${JSON.stringify(toDocument(conversation))},"chunks":[`;
  let separator = '';
  for await (const chunk of chunks) {
    yield separator + JSON.stringify(toChunk(conversation.id, chunk));
    separator = ',';
  }
  yield `],"total_chunks":${totalChunks}}`;
}

function toDocument(conversation: Conversation): z.output<typeof documentSchema> {
  const { id, title, provider, externalId, model, archived, starred, branchCount } = conversation;
  return {
    id: encodeId('Conversation', id),
    title,
    doc_type: 'conversation',
    mime_type: 'text/plain',
    source: provider,
    metadata_json: {
      external_id: externalId,
      model,
      archived,
      starred,
      branch_count: branchCount,
      updated_at: conversation.updatedAt?.toISOString() ?? null,
    },
    created_at: conversation.createdAt?.toISOString() ?? null,
  };
}

function toChunk(
  conversationId: string,
  { nodeId, ordinal, text, start, end }: Chunk,
): z.output<typeof chunkSchema> {
  return {
    chunk_id: encodeId('Message', `${conversationId}/${nodeId}`),
    ordinal,
    text,
    start_char: start,
    end_char: end,
    token_count: Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN),
  };
}

import { z } from 'zod';
import type { Conversation } from '../../generated/prisma/client.ts';
import { NotFoundError } from '../errors.ts';
import { parseInput } from '../input.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { pathThrough } from './path.ts';
import { getConversation } from './read.ts';

/** Messages in memory at once. */
const PAGE_MESSAGES = 200;
const NO_LIMIT = 2_147_483_647;

/** Which chunks to read: all from `offset` on, unless there is a limit. */
export const documentInput = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100_000).optional(),
  offset: z.coerce.number().int().min(0).max(NO_LIMIT).default(0),
});

/** How many chunks of its branch to read on each side of one. */
export const chunkInput = z.strictObject({ context: z.coerce.number().int().min(0).max(20).default(2) });

/** A message as a part of its conversation's text, which is the texts of its messages one after the other. */
export interface Chunk {
  nodeId: string;
  /** From 0, in the conversation with all its branches. */
  ordinal: number;
  text: string;
  /** In the conversation's text, in UTF-16 units. */
  start: number;
  end: number;
}

export interface Document {
  conversation: Conversation;
  totalChunks: number;
  /** In order, read from the database a page at a time as they are asked for. */
  chunks: AsyncGenerator<Chunk>;
}

/**
 * A conversation of the viewer as a document of all its messages, hidden ones and other branches included. Throws an
 * InvalidInputError and a NotFoundError.
 */
export async function openDocument(
  services: Services,
  viewer: Viewer | null,
  id: string,
  input: unknown,
): Promise<Document> {
  requireScope(viewer, 'read');
  const { limit = NO_LIMIT, offset } = parseInput(documentInput, input);
  const { userId } = viewer;
  const conversation = await getConversation(services, viewer, id);
  if (!conversation) throw new NotFoundError('document');
  const totalChunks = await services.prisma.message.count({ where: { userId, conversationId: id } });
  return { conversation, totalChunks, chunks: readChunks(services, userId, id, { limit, offset }) };
}

/**
 * A message of a document, and those around it on the branch that leads through it. `chunkId` is the message's own id,
 * `conversation/node`. Throws an InvalidInputError and a NotFoundError.
 */
export async function getChunk(
  services: Services,
  viewer: Viewer | null,
  { id, chunkId }: { id: string; chunkId: string },
  input: unknown,
): Promise<{ conversation: Conversation; target: Chunk; context: Chunk[] }> {
  requireScope(viewer, 'read');
  const { context } = parseInput(chunkInput, input);
  const conversation = await getConversation(services, viewer, id);
  if (!conversation) throw new NotFoundError('document');
  const nodeId = chunkId.startsWith(`${id}/`) ? chunkId.slice(id.length + 1) : '';
  const path = await pathThrough(services, viewer.userId, id, nodeId);
  const place = path.indexOf(nodeId);
  if (place < 0) throw new NotFoundError('chunk of this document');
  const wanted = path.slice(Math.max(place - context, 0), place + context + 1);
  const chunks = await readPlaced(services, viewer.userId, id, wanted);
  const target = chunks.find((chunk) => chunk.nodeId === nodeId);
  if (!target) throw new NotFoundError('chunk of this document');
  return { conversation, target, context: chunks.filter((chunk) => chunk !== target) };
}

/** Some messages of a conversation, in order, with their places in its text. */
async function readPlaced(
  services: Services,
  userId: string,
  conversationId: string,
  nodeIds: string[],
): Promise<Chunk[]> {
  const messages = await services.prisma.message.findMany({
    where: { userId, conversationId, nodeId: { in: nodeIds } },
    select: { nodeId: true, ordinal: true, text: true },
    orderBy: { ordinal: 'asc' },
  });
  // How much text begins at each of them, up to the next, and before the first.
  const rows = await services.database.query<{ after: number; units: number }>(
    `SELECT width_bucket(ordinal, $3::int[]) AS after, sum(${UNITS})::float8 AS units FROM messages
     WHERE user_id = $1 AND conversation_id = $2 AND ordinal < $4 GROUP BY 1`,
    [userId, conversationId, messages.map(({ ordinal }) => ordinal), messages.at(-1)?.ordinal ?? 0],
  );
  const unitsAfter = new Map(rows.map(({ after, units }) => [after, units]));
  let start = 0;
  return messages.map((message, index) => {
    start += unitsAfter.get(index) ?? 0;
    return { ...message, start, end: start + message.text.length };
  });
}

/** The length of a text in UTF-16 units: those characters count twice that take four bytes in UTF-8. */
const UNITS = `CASE WHEN octet_length(text) = char_length(text) THEN char_length(text)
  ELSE char_length(text) + regexp_count(text, '[\\U00010000-\\U0010FFFF]') END`;

async function* readChunks(
  services: Services,
  userId: string,
  conversationId: string,
  { limit, offset }: { limit: number; offset: number },
): AsyncGenerator<Chunk> {
  let start = offset === 0 ? 0 : await unitsBefore(services, userId, conversationId, offset);
  let left = limit;
  let place: { after: number; skip: number } = { after: -1, skip: offset };
  while (left > 0) {
    const take = Math.min(left, PAGE_MESSAGES);
    const page = await services.prisma.message.findMany({
      where: { userId, conversationId, ordinal: { gt: place.after } },
      select: { nodeId: true, ordinal: true, text: true },
      orderBy: { ordinal: 'asc' },
      skip: place.skip,
      take,
    });
    for (const message of page) {
      const end = start + message.text.length;
      yield { ...message, start, end };
      start = end;
      place = { after: message.ordinal, skip: 0 };
    }
    if (page.length < take) return;
    left -= take;
  }
}

/** Of the text of the first messages. */
async function unitsBefore(
  services: Services,
  userId: string,
  conversationId: string,
  messages: number,
): Promise<number> {
  const [row] = await services.database.query<{ units: number }>(
    `SELECT coalesce(sum(${UNITS}), 0)::float8 AS units
     FROM (SELECT text FROM messages WHERE user_id = $1 AND conversation_id = $2 ORDER BY ordinal LIMIT $3) AS before`,
    [userId, conversationId, messages],
  );
  return row?.units ?? 0;
}

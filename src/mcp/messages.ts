import { z } from 'zod';
import { listMessages, type MessagePath, messageKey } from '../domain/conversation/message.ts';
import { getConversation } from '../domain/conversation/read.ts';
import { NotFoundError } from '../domain/errors.ts';
import { localId } from '../domain/global-id.ts';
import { invalidCursor } from '../domain/page.ts';
import type { Conversation, Message } from '../generated/prisma/client.ts';
import type { ToolContext } from './answer.ts';
import { beginningOf, messageIdOf } from './shapes.ts';

/** The text of one page, about 10,000 tokens: what clients let a tool answer, even when they read it twice. */
const MAX_PAGE_CHARACTERS = 30_000;
/** A message that would be cut to less than this waits for the next page. */
const MIN_PART_CHARACTERS = 500;
/** What stands before a message that was asked for, and how much of each. */
const LEAD_MESSAGES = 2;
const MAX_LEAD_CHARACTERS = 2_000;

/** A message, or a stretch of it. */
export interface Part {
  message: Message;
  /** Where in the message's text `text` begins. */
  offset: number;
  text: string;
}

export interface MessagePage {
  parts: Part[];
  /** Null when this was the end. */
  next: string | null;
}

/** A conversation, and the message of it that was asked for, if any. */
export interface Document {
  conversation: Conversation;
  /** Global id. */
  messageId: string | null;
}

/**
 * What an id names, of a conversation or of a message. Throws a NotFoundError, the same for what is somebody else's and
 * for what is no id at all.
 */
export async function findDocument({ services, viewer }: ToolContext, id: string): Promise<Document> {
  const [ofMessage = ''] = localId('Message', id).split('/');
  const [whole, around] = await Promise.all([
    getConversation(services, viewer, localId('Conversation', id)),
    getConversation(services, viewer, ofMessage),
  ]);
  if (whole) return { conversation: whole, messageId: null };
  if (around) return { conversation: around, messageId: id };
  throw new NotFoundError('conversation or message');
}

/** Where a page goes on: in which branch, at which message, after how many characters of it. */
interface Place {
  path: MessagePath;
  /** Global id of a message whose branch it is; null for the path itself. */
  through: string | null;
  nodeId: string;
  offset: number;
}

/**
 * One page of a conversation in reading order, bounded in messages and in text: a message that is too long is cut, and the
 * next page goes on in it. With a message asked for, it begins shortly before that. Throws a NotFoundError, and an
 * InvalidInputError for a cursor that is none or for all branches with a message.
 */
export async function readMessagePage(
  context: ToolContext,
  { conversation, messageId }: Document,
  { path, first, after }: { path: MessagePath; first: number; after?: string },
): Promise<MessagePage> {
  if (after !== undefined) {
    const place = parseCursor(after);
    const { messages, offset } = await readFrom(context, conversation.id, place, first);
    return fill(place, messages, first, offset);
  }
  const { services, viewer } = context;
  if (messageId === null) {
    const messages = await listMessages(services, viewer, conversation.id, { path }, { take: first + 1 });
    return fill({ path, through: null }, messages, first, 0);
  }
  const choice = { path, around: messageId };
  // The message in the middle: as many follow it as are wanted here, and one more.
  const messages = await listMessages(services, viewer, conversation.id, choice, { take: 2 * (first + 1) });
  const at = messages.findIndex((message) => messageIdOf(message) === messageId);
  if (at === -1) throw new NotFoundError('message');
  const lead = messages.slice(Math.max(0, at - LEAD_MESSAGES), at);
  const page = fill({ path, through: messageId }, messages.slice(at), first, 0);
  const shortened = lead.map((message) => ({
    message,
    offset: 0,
    text: beginningOf(message.text, MAX_LEAD_CHARACTERS),
  }));
  return { ...page, parts: [...shortened, ...page.parts] };
}

/** What follows a place, from the rest of its own message on. */
async function readFrom(
  { services, viewer }: ToolContext,
  conversationId: string,
  { path, through, nodeId, offset }: Place,
  first: number,
): Promise<{ messages: Message[]; offset: number }> {
  const cursor = messageKey(viewer, `${conversationId}/${nodeId}`);
  // Its own message, and one more that tells whether there is another page.
  const page = { cursor, take: first + 2 };
  const messages = await listMessages(services, viewer, conversationId, { path, through }, page);
  if (messages[0]?.nodeId !== nodeId) throw invalidCursor();
  return messages[0].text.length > offset ? { messages, offset } : { messages: messages.slice(1), offset: 0 };
}

/** As many messages as fit, and where the next page goes on. The first one begins at `offset`. */
function fill(
  branch: Pick<Place, 'path' | 'through'>,
  messages: Message[],
  first: number,
  offset: number,
): MessagePage {
  const parts: Part[] = [];
  let room = MAX_PAGE_CHARACTERS;
  for (const message of messages) {
    const start = parts.length === 0 ? offset : 0;
    const rest = message.text.slice(start);
    if (parts.length === first || (rest.length > room && room < MIN_PART_CHARACTERS)) break;
    const text = beginningOf(rest, room);
    parts.push({ message, offset: start, text });
    room -= text.length;
    if (text.length < rest.length) break;
  }
  const last = parts.at(-1);
  if (!last) return { parts, next: null };
  const end = last.offset + last.text.length;
  const isAll = parts.length === messages.length && end === last.message.text.length;
  return { parts, next: isAll ? null : cursorOf({ ...branch, nodeId: last.message.nodeId, offset: end }) };
}

const cursorOf = ({ path, through, nodeId, offset }: Place) =>
  Buffer.from(JSON.stringify([path, through, nodeId, offset])).toString('base64url');

const cursor = z.tuple([z.enum(['ACTIVE', 'ALL']), z.string().nullable(), z.string(), z.int().min(0)]);

function parseCursor(given: string): Place {
  let value: unknown = null;
  try {
    value = JSON.parse(Buffer.from(given, 'base64url').toString());
  } catch {
    // Not ours, as `parsed` will tell.
  }
  const parsed = cursor.safeParse(value);
  if (!parsed.success) throw invalidCursor();
  const [path, through, nodeId, offset] = parsed.data;
  return { path, through, nodeId, offset };
}

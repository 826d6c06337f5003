import { NIL } from 'uuid';
import type { Conversation, Message, Prisma } from '../../generated/prisma/client.ts';
import { toJson } from '../export-entry.ts';
import type { Services } from '../services.ts';
import { type ConversationFilter, conversationConditions } from './filter.ts';
import type { MessagePath } from './message.ts';

/** A file as an export names it beside a message. */
export interface MessageAttachment {
  id: string;
  externalId: string;
  name: string | null;
  mimeType: string | null;
}

export type WholeMessage = Omit<Message, 'userId' | 'conversationId' | 'ordinal'> & {
  attachments: MessageAttachment[];
};

/** A conversation with a way to read its messages, parents before children; read them before asking for the next one. */
export interface WholeConversation {
  head: Conversation;
  messages: AsyncIterable<WholeMessage>;
}

const PAGE_CONVERSATIONS = 200;
/** What is in memory at once; a longer conversation is read in pages of its own. */
const PAGE_MESSAGES = 500;
/** The same of text, but for a single longer message. */
const PAGE_BYTES = 8 * 1024 * 1024;

/**
 * Reads a user's conversations whole, by id and a few at a time: each as it stands when its turn comes. `path` ACTIVE
 * leaves out what the provider's own page does not show.
 */
export async function* readWholeConversations(
  services: Services,
  userId: string,
  filter: ConversationFilter = {},
  path: MessagePath = 'ALL',
): AsyncGenerator<WholeConversation> {
  const { conditions, parameters } = conversationConditions(filter, 4);
  const where = ['c.user_id = $1 AND c.id > $2', ...conditions].join(' AND ');
  let last: string = NIL;
  for (;;) {
    const page = await services.database.query<{ id: string }>(
      `SELECT c.id FROM conversations c WHERE ${where} ORDER BY c.id LIMIT $3`,
      [userId, last, PAGE_CONVERSATIONS, ...parameters],
    );
    const heads = await services.prisma.conversation.findMany({
      where: { userId, id: { in: page.map(({ id }) => id) } },
      orderBy: { id: 'asc' },
    });
    const bytes = await textBytesOf(services, userId, heads);
    for (const group of groupsOf(heads, bytes)) yield* readGroup(services, userId, group, path);
    const end = page.at(-1);
    if (!end) return;
    last = end.id;
  }
}

/** Bytes of the text of each conversation, by its id. PostgreSQL knows the length of a text without reading it. */
async function textBytesOf(
  services: Services,
  userId: string,
  heads: Conversation[],
): Promise<Map<string, number>> {
  const rows = await services.database.query<{ id: string; bytes: number }>(
    `SELECT conversation_id AS id, sum(octet_length(text))::float8 AS bytes FROM messages
     WHERE user_id = $1 AND conversation_id = ANY($2::uuid[]) GROUP BY conversation_id`,
    [userId, heads.map(({ id }) => id)],
  );
  return new Map(rows.map(({ id, bytes }) => [id, bytes]));
}

/** Neighbours whose messages fit in a page together. */
function groupsOf(heads: Conversation[], textBytes: Map<string, number>): Conversation[][] {
  const groups: Conversation[][] = [];
  let room = 0;
  let roomBytes = 0;
  for (const head of heads) {
    const group = groups.at(-1);
    const bytes = textBytes.get(head.id) ?? 0;
    if (group && head.messageCount <= room && bytes <= roomBytes) group.push(head);
    else {
      groups.push([head]);
      room = PAGE_MESSAGES;
      roomBytes = PAGE_BYTES;
    }
    room -= head.messageCount;
    roomBytes -= bytes;
  }
  return groups;
}

async function* readGroup(
  services: Services,
  userId: string,
  heads: Conversation[],
  path: MessagePath,
): AsyncGenerator<WholeConversation> {
  const [only] = heads;
  if (only && heads.length === 1) {
    yield { head: only, messages: readMessages(services, userId, only.id, path) };
    return;
  }
  const ids = heads.map(({ id }) => id);
  const messages = await withAttachments(services, userId, {
    userId,
    conversationId: { in: ids },
    ...(path === 'ACTIVE' ? { onActivePath: true } : {}),
  });
  const byConversation = Map.groupBy(messages, ({ conversationId }) => conversationId);
  for (const head of heads) {
    yield { head, messages: each((byConversation.get(head.id) ?? []).map(({ message }) => message)) };
  }
}

async function* each<T>(items: T[]): AsyncGenerator<T> {
  yield* items;
}

/** The messages of one conversation, a page at a time. */
export async function* readMessages(
  services: Services,
  userId: string,
  conversationId: string,
  path: MessagePath,
): AsyncGenerator<WholeMessage> {
  let last = -1;
  for (;;) {
    const end = await endOfPage(services, userId, conversationId, path, last);
    if (end === null) return;
    const page = await withAttachments(services, userId, {
      userId,
      conversationId,
      ordinal: { gt: last, lte: end },
      ...(path === 'ACTIVE' ? { onActivePath: true } : {}),
    });
    for (const { message } of page) yield message;
    last = end;
  }
}

/** Ordinal of the last message of a page that begins behind `last`; null when there is none. */
async function endOfPage(
  services: Services,
  userId: string,
  conversationId: string,
  path: MessagePath,
  last: number,
): Promise<number | null> {
  const [row] = await services.database.query<{ end: number | null }>(
    `SELECT max(ordinal) AS "end" FROM (
       SELECT ordinal, row_number() OVER (ORDER BY ordinal) AS place,
         sum(octet_length(text)) OVER (ORDER BY ordinal) AS bytes
       FROM (
         SELECT ordinal, text FROM messages
         WHERE user_id = $1 AND conversation_id = $2 AND ordinal > $3 AND (on_active_path OR $4)
         ORDER BY ordinal LIMIT $5
       ) next
     ) summed WHERE place = 1 OR bytes <= $6`,
    [userId, conversationId, last, path === 'ALL', PAGE_MESSAGES, PAGE_BYTES],
  );
  return row?.end ?? null;
}

async function withAttachments(
  services: Services,
  userId: string,
  where: Prisma.MessageWhereInput & { conversationId: string | { in: string[] } },
): Promise<{ conversationId: string; ordinal: number; message: WholeMessage }[]> {
  const rows = await services.prisma.message.findMany({
    where,
    orderBy: [{ conversationId: 'asc' }, { ordinal: 'asc' }],
  });
  const links = await services.database.query<MessageAttachment & { conversationId: string; nodeId: string }>(
    `SELECT link.conversation_id AS "conversationId", link.node_id AS "nodeId", asset.id,
       asset.external_id AS "externalId", asset.name, asset.mime_type AS "mimeType"
     FROM message_assets link JOIN assets asset ON asset.user_id = link.user_id AND asset.id = link.asset_id
     JOIN unnest($2::uuid[], $3::text[]) AS wanted (conversation_id, node_id) USING (conversation_id, node_id)
     WHERE link.user_id = $1 ORDER BY link.ordinal`,
    [userId, rows.map((row) => row.conversationId), rows.map((row) => row.nodeId)],
  );
  const byMessage = Map.groupBy(links, (link) => `${link.conversationId}/${link.nodeId}`);
  return rows.map(({ userId: _owner, conversationId, ordinal, ...message }) => {
    const own = byMessage.get(`${conversationId}/${message.nodeId}`) ?? [];
    const attachments = own.map(({ id, externalId, name, mimeType }) => ({ id, externalId, name, mimeType }));
    return { conversationId, ordinal, message: { ...message, attachments } };
  });
}

/** A conversation as one JSON object, in pieces: its own facts, then `messages`. */
export async function* conversationJson({ head, messages }: WholeConversation): AsyncGenerator<string> {
  const { userId: _owner, searchPending: _pending, ...facts } = head;
  yield `${toJson(facts).slice(0, -1)},"messages":[`;
  let separator = '';
  for await (const message of messages) {
    yield separator + toJson(message);
    separator = ',';
  }
  yield ']}';
}

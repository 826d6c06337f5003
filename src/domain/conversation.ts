import { validate as isUuid, NIL } from 'uuid';
import { z } from 'zod';
import type { Conversation, Message, Prisma } from '../generated/prisma/client.ts';
import { parseInput, text } from './input.ts';
import type { Services } from './services.ts';
import { requireScope, type Viewer } from './viewer.ts';

export type ConversationSelection = Pick<Prisma.ConversationFindFirstArgs, 'include' | 'select'>;

/** Which conversations; all conditions must hold, and null is none. */
export const conversationFilter = z.strictObject({
  externalId: text.nullish(),
  provider: text.nullish(),
  /** Part of the title, whatever its case. */
  title: text.nullish(),
  /** Inclusive. */
  createdAfter: z.date().nullish(),
  /** Exclusive. */
  createdBefore: z.date().nullish(),
  archived: z.boolean().nullish(),
});
export type ConversationFilter = z.infer<typeof conversationFilter>;

/** The text for LIKE, in which `%` and `_` stand for themselves. */
export const escapeLike = (part: string) => part.replaceAll(/[\\%_]/g, '\\$&');

export type ConversationOrder = 'UPDATED_DESC' | 'UPDATED_ASC' | 'CREATED_DESC' | 'CREATED_ASC' | 'TITLE_ASC';

const orders: Record<ConversationOrder, Prisma.ConversationOrderByWithRelationInput[]> = {
  UPDATED_DESC: [{ updatedAt: { sort: 'desc', nulls: 'last' } }, { id: 'desc' }],
  UPDATED_ASC: [{ updatedAt: { sort: 'asc', nulls: 'last' } }, { id: 'asc' }],
  CREATED_DESC: [{ createdAt: { sort: 'desc', nulls: 'last' } }, { id: 'desc' }],
  CREATED_ASC: [{ createdAt: { sort: 'asc', nulls: 'last' } }, { id: 'asc' }],
  TITLE_ASC: [{ title: 'asc' }, { id: 'asc' }],
};

/** Which messages of a conversation a reader wants. */
export type MessagePath = 'ACTIVE' | 'ALL';

/** Null when there is none or it is somebody else's. */
export async function getConversation(
  services: Services,
  viewer: Viewer | null,
  id: string,
  selection: ConversationSelection = {},
): Promise<Conversation | null> {
  requireScope(viewer, 'read');
  if (!isUuid(id)) return null;
  return services.prisma.conversation.findFirst({ ...selection, where: { userId: viewer.userId, id } });
}

/** `page` is what a Relay connection asks of Prisma. Throws an InvalidInputError for a filter that is none. */
export async function listConversations(
  services: Services,
  viewer: Viewer | null,
  filter: ConversationFilter,
  order: ConversationOrder,
  page: Prisma.ConversationFindManyArgs,
): Promise<Conversation[]> {
  requireScope(viewer, 'read');
  return services.prisma.conversation.findMany({
    ...page,
    where: conversationsOf(viewer, filter),
    orderBy: orders[order],
  });
}

export async function countConversations(
  services: Services,
  viewer: Viewer | null,
  filter: ConversationFilter,
): Promise<number> {
  requireScope(viewer, 'read');
  return services.prisma.conversation.count({ where: conversationsOf(viewer, filter) });
}

function conversationsOf(viewer: Viewer, input: ConversationFilter): Prisma.ConversationWhereInput {
  const filter = parseInput(conversationFilter, input);
  return {
    userId: viewer.userId,
    externalId: filter.externalId ?? undefined,
    provider: filter.provider ?? undefined,
    title: filter.title ? { contains: escapeLike(filter.title), mode: 'insensitive' } : undefined,
    createdAt: { gte: filter.createdAfter ?? undefined, lt: filter.createdBefore ?? undefined },
    archived: filter.archived ?? undefined,
  };
}

/** A conversation's messages in reading order. The caller got the conversation through this file; its owner is asked again. */
export async function listMessages(
  services: Services,
  viewer: Viewer | null,
  conversationId: string,
  path: MessagePath,
  page: Prisma.MessageFindManyArgs,
): Promise<Message[]> {
  requireScope(viewer, 'read');
  return services.prisma.message.findMany({
    ...page,
    where: messagesOf(viewer, conversationId, path),
    orderBy: { ordinal: 'asc' },
  });
}

export async function countMessages(
  services: Services,
  viewer: Viewer | null,
  conversationId: string,
  path: MessagePath,
): Promise<number> {
  requireScope(viewer, 'read');
  return services.prisma.message.count({ where: messagesOf(viewer, conversationId, path) });
}

function messagesOf(viewer: Viewer, conversationId: string, path: MessagePath): Prisma.MessageWhereInput {
  return { userId: viewer.userId, conversationId, ...(path === 'ACTIVE' ? { onActivePath: true } : {}) };
}

/** Null when there is none or it is somebody else's. */
export async function getMessage(
  services: Services,
  viewer: Viewer | null,
  conversationId: string,
  nodeId: string,
): Promise<Message | null> {
  requireScope(viewer, 'read');
  if (!isUuid(conversationId)) return null;
  return services.prisma.message.findFirst({ where: { userId: viewer.userId, conversationId, nodeId } });
}

/** The answers and edits that follow a message, in sibling order. */
export async function listChildren(
  services: Services,
  viewer: Viewer | null,
  conversationId: string,
  nodeId: string,
): Promise<Message[]> {
  requireScope(viewer, 'read');
  return services.prisma.message.findMany({
    where: { userId: viewer.userId, conversationId, parentNodeId: nodeId },
    orderBy: { siblingIndex: 'asc' },
  });
}

/** The key under which a viewer's own conversation would stand; names no row when it is somebody else's. */
export function conversationKey(viewer: Viewer | null, id: string): Prisma.ConversationWhereUniqueInput {
  requireScope(viewer, 'read');
  return { userId_id: { userId: viewer.userId, id: isUuid(id) ? id : NIL } };
}

/** The same for a message, whose id is `conversation/node`. */
export function messageKey(viewer: Viewer | null, id: string): Prisma.MessageWhereUniqueInput {
  requireScope(viewer, 'read');
  const slash = id.indexOf('/');
  const conversationId = id.slice(0, Math.max(slash, 0));
  const nodeId = id.slice(slash + 1);
  // PostgreSQL refuses NUL even in a comparison.
  const possible = isUuid(conversationId) && !nodeId.includes('\0');
  return {
    userId_conversationId_nodeId: {
      userId: viewer.userId,
      conversationId: possible ? conversationId : NIL,
      nodeId: possible ? nodeId : '',
    },
  };
}

import { validate as isUuid, NIL } from 'uuid';
import type { Message, Prisma } from '../../generated/prisma/client.ts';
import { InvalidInputError, NotFoundError } from '../errors.ts';
import { localId } from '../global-id.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { firstMessages } from './first-messages.ts';
import { messagePage } from './message-page.ts';
import { middleOf, pageOf, pathThrough } from './path.ts';

/** Which messages of a conversation a reader wants. */
export type MessagePath = 'ACTIVE' | 'ALL';

/** Which part of a conversation a list is about. */
export interface MessageChoice {
  path: MessagePath;
  /** A message's global id: in place of the active path, the one that leads through it. */
  through?: string | null;
  /** The same, and a page that begins nowhere else has this message in its middle. */
  around?: string | null;
}

/**
 * A conversation's messages in reading order; `page` is what a Relay connection asks of Prisma. Throws a NotFoundError
 * when `through` is none of its messages, and an InvalidInputError when it comes with all branches, and for a cursor that
 * is none of it.
 */
export async function listMessages(
  services: Services,
  viewer: Viewer | null,
  conversationId: string,
  choice: MessageChoice,
  page: Prisma.MessageFindManyArgs,
): Promise<Message[]> {
  requireScope(viewer, 'read');
  const path = await chosenPath(services, viewer, conversationId, choice);
  if (!path) {
    const { cursor, skip = 0, take = 0 } = page;
    if (!cursor && skip === 0 && take > 0) {
      return firstMessages(services, viewer, conversationId, choice.path, take);
    }
    return messagePage(services, viewer, conversationId, choice.path, page);
  }
  const ids =
    choice.around && !page.cursor
      ? middleOf(path, nodeIdOf(conversationId, choice.around), page)
      : pageOf(path, page);
  return services.prisma.message.findMany({
    where: { userId: viewer.userId, conversationId, nodeId: { in: ids } },
    orderBy: { ordinal: 'asc' },
  });
}

export async function countMessages(
  services: Services,
  viewer: Viewer | null,
  conversationId: string,
  choice: MessageChoice,
): Promise<number> {
  requireScope(viewer, 'read');
  const path = await chosenPath(services, viewer, conversationId, choice);
  return (
    path?.length ?? services.prisma.message.count({ where: messagesOf(viewer, conversationId, choice.path) })
  );
}

/** The ids of a path that is not the active one; null for the others. */
async function chosenPath(
  services: Services,
  { userId }: Viewer,
  conversationId: string,
  { path, through, around }: MessageChoice,
): Promise<string[] | null> {
  const chosen = around ?? through;
  if (!chosen) return null;
  if (path === 'ALL' || (around && through)) {
    const message =
      'The path through a message is one branch: give one of `path: ALL`, `through` and `around`.';
    throw new InvalidInputError([{ path: [around ? 'around' : 'through'], message, type: 'contradiction' }]);
  }
  const nodeId = nodeIdOf(conversationId, chosen);
  const ids = nodeId === null ? [] : await pathThrough(services, userId, conversationId, nodeId);
  if (ids.length === 0) throw new NotFoundError('message');
  return ids;
}

/** Null when the message with this global id is not of the conversation. */
function nodeIdOf(conversationId: string, messageId: string): string | null {
  const id = localId('Message', messageId);
  return id.startsWith(`${conversationId}/`) ? id.slice(conversationId.length + 1) : null;
}

function messagesOf(viewer: Viewer, conversationId: string, path: MessagePath): Prisma.MessageWhereInput {
  return { userId: viewer.userId, conversationId, ...(path === 'ACTIVE' ? { onActivePath: true } : {}) };
}

/** The key under which a viewer's own message would stand, whose id is `conversation/node`; names no row when it is somebody else's. */
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

import { validate as isUuid, NIL } from 'uuid';
import type { ChatSession, ChatTurn, Prisma } from '../../generated/prisma/client.ts';
import { recordAudit } from '../audit.ts';
import { NotFoundError } from '../errors.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';

export type ChatSessionSelection = Pick<Prisma.ChatSessionFindFirstArgs, 'include' | 'select'>;

/** Null when there is none or it is somebody else's. */
export async function getChatSession(
  services: Services,
  viewer: Viewer | null,
  id: string,
  selection: ChatSessionSelection = {},
): Promise<ChatSession | null> {
  requireScope(viewer, 'read');
  if (!isUuid(id)) return null;
  return services.prisma.chatSession.findFirst({ ...selection, where: { userId: viewer.userId, id } });
}

/** The last used first; `page` is what a Relay connection asks of Prisma. */
export async function listChatSessions(
  services: Services,
  viewer: Viewer | null,
  page: Prisma.ChatSessionFindManyArgs,
): Promise<ChatSession[]> {
  requireScope(viewer, 'read');
  return services.prisma.chatSession.findMany({
    ...page,
    where: { userId: viewer.userId },
    orderBy: [{ updatedAt: 'desc' }, { id: 'desc' }],
  });
}

export async function countChatSessions(services: Services, viewer: Viewer | null): Promise<number> {
  requireScope(viewer, 'read');
  return services.prisma.chatSession.count({ where: { userId: viewer.userId } });
}

/** A session's turns in the order in which they were asked, or the last first when `page` says so. */
export async function listChatTurns(
  services: Services,
  viewer: Viewer | null,
  sessionId: string,
  page: Prisma.ChatTurnFindManyArgs,
): Promise<ChatTurn[]> {
  requireScope(viewer, 'read');
  return services.prisma.chatTurn.findMany({
    orderBy: { ordinal: 'asc' },
    ...page,
    where: { userId: viewer.userId, sessionId },
  });
}

export async function countChatTurns(
  services: Services,
  viewer: Viewer | null,
  sessionId: string,
): Promise<number> {
  requireScope(viewer, 'read');
  return services.prisma.chatTurn.count({ where: { userId: viewer.userId, sessionId } });
}

/** Null when there is none or it is somebody else's; `id` is `session/ordinal`. */
export async function getChatTurn(
  services: Services,
  viewer: Viewer | null,
  id: string,
): Promise<ChatTurn | null> {
  return services.prisma.chatTurn.findUnique({ where: chatTurnKey(viewer, id) });
}

/** Forgets a session with all of its turns. Throws a NotFoundError. */
export async function deleteChatSession(
  services: Services,
  viewer: Viewer | null,
  id: string,
): Promise<void> {
  requireScope(viewer, 'write');
  if (!isUuid(id)) throw new NotFoundError('chat session');
  await services.database.transaction(async (tx) => {
    const deleted = await tx.execute('DELETE FROM chat_sessions WHERE user_id = $1 AND id = $2', [
      viewer.userId,
      id,
    ]);
    if (deleted === 0) throw new NotFoundError('chat session');
    await recordAudit(tx, viewer, 'chat.deleted');
  });
}

/** The key under which a viewer's own session would stand; names no row when it is somebody else's. */
export function chatSessionKey(viewer: Viewer | null, id: string): Prisma.ChatSessionWhereUniqueInput {
  requireScope(viewer, 'read');
  return { userId_id: { userId: viewer.userId, id: isUuid(id) ? id : NIL } };
}

/** The same for a turn, whose id is `session/ordinal`. */
export function chatTurnKey(viewer: Viewer | null, id: string): Prisma.ChatTurnWhereUniqueInput {
  requireScope(viewer, 'read');
  const [, sessionId = '', ordinal = ''] = /^([^/]*)\/(\d{1,9})$/.exec(id) ?? [];
  return {
    userId_sessionId_ordinal: {
      userId: viewer.userId,
      sessionId: isUuid(sessionId) ? sessionId : NIL,
      ordinal: Number(ordinal),
    },
  };
}

export const chatTurnId = ({ sessionId, ordinal }: Pick<ChatTurn, 'sessionId' | 'ordinal'>) =>
  `${sessionId}/${ordinal}`;

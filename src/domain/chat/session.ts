import { validate as isUuid, NIL } from 'uuid';
import { z } from 'zod';
import type { ChatSession, ChatTurn, Prisma } from '../../generated/prisma/client.ts';
import { recordAudit } from '../audit.ts';
import { NotFoundError } from '../errors.ts';
import {
  beyond,
  beyondMoment,
  formatCursor,
  idKey,
  invalidCursor,
  ordinalKey,
  parseCursor,
  withoutCursor,
} from '../page.ts';
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

/** `limit` sessions after one cursor and before the other; `inverted` counts from the back and answers so. */
export interface ChatSessionPage {
  after?: string;
  before?: string;
  limit: number;
  inverted: boolean;
}

/**
 * The last used first. A cursor holds the moment that it stands for, so that a page goes on at the same place when its session
 * is used again or deleted. Throws an InvalidInputError for one that is none.
 */
export async function listChatSessions(
  services: Services,
  viewer: Viewer | null,
  { after, before, limit, inverted }: ChatSessionPage,
): Promise<ChatSession[]> {
  requireScope(viewer, 'read');
  const order = inverted ? 'asc' : 'desc';
  return services.prisma.chatSession.findMany({
    where: { userId: viewer.userId, AND: [beyondCursor(after, 'desc'), beyondCursor(before, 'asc')] },
    orderBy: [{ updatedAt: order }, { id: order }],
    take: limit,
  });
}

/** Milliseconds, of which PostgreSQL knows more than any session can have. */
const cursorForm = z.tuple([z.int().min(0).max(Date.parse('9999-12-31T00:00:00Z')), idKey]);

/** Where a session stands among the others. */
export const chatSessionCursor = ({ updatedAt, id }: ChatSession) => formatCursor([updatedAt.getTime(), id]);

function beyondCursor(cursor: string | undefined, order: 'asc' | 'desc') {
  if (cursor === undefined) return {};
  const place = parseCursor(cursorForm, cursor);
  if (!place) throw invalidCursor();
  return beyondMoment('updatedAt', { at: new Date(place[0]), id: place[1] }, {}, order);
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
  const last = page.cursor?.userId_sessionId_ordinal?.ordinal;
  return services.prisma.chatTurn.findMany({
    orderBy: { ordinal: 'asc' },
    ...withoutCursor(page),
    where: { userId: viewer.userId, sessionId, ordinal: beyond(ordinalKey, last, page, 'asc') },
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

import { validate as isUuid, NIL } from 'uuid';
import type { Conversation, Prisma } from '../../generated/prisma/client.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';

export type ConversationSelection = Pick<Prisma.ConversationFindFirstArgs, 'include' | 'select'>;

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

/** The key under which a viewer's own conversation would stand; names no row when it is somebody else's. */
export function conversationKey(viewer: Viewer | null, id: string): Prisma.ConversationWhereUniqueInput {
  requireScope(viewer, 'read');
  return { userId_id: { userId: viewer.userId, id: isUuid(id) ? id : NIL } };
}

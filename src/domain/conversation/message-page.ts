import type { Message, Prisma } from '../../generated/prisma/client.ts';
import { invalidCursor } from '../page.ts';
import type { Services } from '../services.ts';
import type { Viewer } from '../viewer.ts';
import { MESSAGE_COLUMNS, type MessageRow, toMessage } from './first-messages.ts';

/** More than any place in a conversation. */
const BEHIND_ALL = 2 ** 31 - 1;

/**
 * The part of a conversation, of the active path or of all branches, that a page of Prisma's would take. A cursor counts by
 * the place of its message, which need not be on the path any more. Throws an InvalidInputError when it names none.
 */
export async function messagePage(
  services: Services,
  viewer: Viewer,
  conversationId: string,
  path: 'ACTIVE' | 'ALL',
  { cursor, skip = 0, take = BEHIND_ALL }: Prisma.MessageFindManyArgs,
): Promise<Message[]> {
  const forward = take >= 0;
  const nodeId = cursor?.userId_conversationId_nodeId?.nodeId;
  const end = forward ? 0 : BEHIND_ALL;
  const from = cursor ? await placeOf(services, viewer, conversationId, nodeId) : end;
  const comparison = `${forward ? '>' : '<'}${skip === 0 ? '=' : ''}`;
  const rows = await services.database.query<MessageRow>(
    `SELECT ${MESSAGE_COLUMNS} FROM messages
     WHERE user_id = $1 AND conversation_id = $2 AND (on_active_path OR $3) AND ordinal ${comparison} $4
     ORDER BY ordinal ${forward ? 'ASC' : 'DESC'} LIMIT $5`,
    [viewer.userId, conversationId, path === 'ALL', from, Math.abs(take)],
    `messages ${comparison}`,
  );
  const messages = rows.map((row) => toMessage(viewer, conversationId, row));
  return forward ? messages : messages.reverse();
}

async function placeOf(
  services: Services,
  { userId }: Viewer,
  conversationId: string,
  nodeId: unknown,
): Promise<number> {
  // PostgreSQL refuses NUL even in a comparison.
  if (typeof nodeId !== 'string' || nodeId.includes('\0')) throw invalidCursor();
  const [place] = await services.database.query<{ ordinal: number }>(
    'SELECT ordinal FROM messages WHERE user_id = $1 AND conversation_id = $2 AND node_id = $3',
    [userId, conversationId, nodeId],
    'place of a message',
  );
  if (!place) throw invalidCursor();
  return place.ordinal;
}

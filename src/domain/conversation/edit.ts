import { validate as isUuid } from 'uuid';
import { z } from 'zod';
import type { Conversation } from '../../generated/prisma/client.ts';
import { type AuditAction, recordAudit } from '../audit.ts';
import { NotFoundError } from '../errors.ts';
import { parseInput, text } from '../input.ts';
import { indexSomePending } from '../search-index.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { getConversation } from './read.ts';

const newTitle = z.strictObject({ title: text.trim().min(1, 'A title cannot be blank.').max(500) });

/** Gives a conversation another title, which imports keep from then on. Throws a NotFoundError. */
export async function renameConversation(
  services: Services,
  viewer: Viewer | null,
  id: string,
  title: string,
): Promise<Conversation> {
  const parsed = parseInput(newTitle, { title });
  const change = 'title = $3, title_edited = true';
  const conversation = await edit(services, viewer, id, change, parsed.title, 'conversation.renamed');
  // A title is searched as well. What else waits is for the workers.
  await indexSomePending(services, conversation.userId, { only: id }).catch((error) => {
    services.logger.warn({ error }, 'a new title is found once a worker has indexed it');
  });
  return conversation;
}

/** Puts a conversation away or takes it back, which imports keep from then on. Throws a NotFoundError. */
export async function archiveConversation(
  services: Services,
  viewer: Viewer | null,
  id: string,
  archived: boolean,
): Promise<Conversation> {
  const change = 'archived = $3, archived_edited = true';
  return edit(services, viewer, id, change, archived, 'conversation.archived');
}

async function edit(
  services: Services,
  viewer: Viewer | null,
  id: string,
  change: string,
  value: string | boolean,
  action: AuditAction,
): Promise<Conversation> {
  requireScope(viewer, 'write');
  if (!isUuid(id)) throw new NotFoundError('conversation');
  await services.database.transaction(async (tx) => {
    const [row] = await tx.query<{ subject: string }>(
      `UPDATE conversations SET ${change} WHERE user_id = $1 AND id = $2
       RETURNING provider || ' ' || external_id AS subject`,
      [viewer.userId, id, value],
    );
    if (!row) throw new NotFoundError('conversation');
    await recordAudit(tx, viewer, action, row.subject);
  });
  const conversation = await getConversation(services, viewer, id);
  if (!conversation) throw new NotFoundError('conversation');
  return conversation;
}

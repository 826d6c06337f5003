import { z } from 'zod';
import { encodeId } from '../domain/global-id.ts';
import type { Conversation, Message } from '../generated/prisma/client.ts';
import { NOTICE, type ToolContext } from './answer.ts';

/** Titles that were imported have no bound of their own. */
const MAX_TITLE_CHARACTERS = 300;

export const notice = z.literal(NOTICE);
export const nextCursor = z
  .string()
  .nullable()
  .describe('Give it as `after` to go on; null when there is no more.');
export const after = z.string().max(2_000).optional().describe('`next_cursor` of the page before.');

export const conversationShape = z.object({
  id: z.string(),
  title: z.string(),
  url: z.string().describe('Where its owner, signed in, gets it as a page.'),
  provider: z.string().describe('chatgpt or claude.'),
  model: z.string().nullable(),
  created_at: z.string().nullable(),
  updated_at: z.string().nullable(),
  message_count: z.int().describe('Of all branches, hidden ones included.'),
  archived: z.boolean(),
});

export function showConversation(
  { origin }: ToolContext,
  conversation: Conversation,
): z.infer<typeof conversationShape> {
  return {
    id: encodeId('Conversation', conversation.id),
    title: titleOf(conversation),
    url: urlOf(origin, conversation.id),
    provider: conversation.provider,
    model: conversation.model,
    created_at: conversation.createdAt?.toISOString() ?? null,
    updated_at: conversation.updatedAt?.toISOString() ?? null,
    message_count: conversation.messageCount,
    archived: conversation.archived,
  };
}

export const titleOf = ({ title }: Conversation) => beginningOf(title, MAX_TITLE_CHARACTERS);

export const urlOf = (origin: string, conversationId: string) =>
  `${origin}/conversations/${encodeId('Conversation', conversationId)}/export?format=html`;

export const messageIdOf = ({ conversationId, nodeId }: Pick<Message, 'conversationId' | 'nodeId'>) =>
  encodeId('Message', `${conversationId}/${nodeId}`);

/** The first so many characters of a text, without half of one at the end. */
export const beginningOf = (text: string, characters: number) =>
  text.length <= characters ? text : text.slice(0, characters).replace(/[\ud800-\udbff]$/, '');

import { z } from 'zod';
import { moment, text } from '../input.ts';

/** Which conversations; all conditions must hold, and null is none. "After" is inclusive, "before" exclusive. */
export const conversationFilter = z.strictObject({
  externalId: text.nullish(),
  provider: text.nullish(),
  /** Part of the title, whatever its case. */
  title: text.nullish(),
  /** The model's own name, such as gpt-4o. */
  model: text.nullish(),
  createdAfter: moment.nullish(),
  createdBefore: moment.nullish(),
  updatedAfter: moment.nullish(),
  updatedBefore: moment.nullish(),
  archived: z.boolean().nullish(),
  starred: z.boolean().nullish(),
  /** Whether any message points to a file. */
  hasAttachments: z.boolean().nullish(),
});
export type ConversationFilter = z.output<typeof conversationFilter>;

/** The text for LIKE, in which `%` and `_` stand for themselves. */
export const escapeLike = (part: string) => part.replaceAll(/[\\%_]/g, '\\$&');

const attached = `EXISTS (SELECT FROM message_assets link
  WHERE link.user_id = c.user_id AND link.conversation_id = c.id) =`;

/**
 * A filter's conditions on a table of conversations that is called `c`, with their parameters numbered from `first`.
 * The caller limits the rows to their user.
 */
export function conversationConditions(
  filter: ConversationFilter,
  first: number,
): { conditions: string[]; parameters: unknown[] } {
  const given: [condition: string, value: unknown, type: string][] = [
    ['c.external_id =', filter.externalId, 'text'],
    ['c.provider =', filter.provider, 'text'],
    ['c.title ILIKE', filter.title ? `%${escapeLike(filter.title)}%` : null, 'text'],
    ['c.model =', filter.model, 'text'],
    ['c.created_at >=', filter.createdAfter, 'timestamptz'],
    ['c.created_at <', filter.createdBefore, 'timestamptz'],
    ['c.updated_at >=', filter.updatedAfter, 'timestamptz'],
    ['c.updated_at <', filter.updatedBefore, 'timestamptz'],
    ['c.archived =', filter.archived, 'bool'],
    ['c.starred =', filter.starred, 'bool'],
    [attached, filter.hasAttachments, 'bool'],
  ];
  const present = given.filter(([, value]) => value !== null && value !== undefined);
  return {
    conditions: present.map(([condition, , type], index) => `${condition} $${first + index}::${type}`),
    parameters: present.map(([, value]) => value),
  };
}

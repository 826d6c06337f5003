import { validate as isUuid, NIL } from 'uuid';
import { z } from 'zod';
import { conversationConditions, conversationFilter } from '../conversation/filter.ts';
import { moment, text } from '../input.ts';

/** Which messages; all conditions must hold, and null is none. "After" is inclusive, "before" exclusive. */
export const searchFilter = z.strictObject({
  ...conversationFilter.pick({ externalId: true, provider: true, title: true, archived: true, starred: true })
    .shape,
  conversationId: text.nullish(),
  /** Of the message, or of the conversation that it stands in. */
  model: text.nullish(),
  role: text.nullish(),
  kind: z.array(z.enum(['VISIBLE', 'TOOL', 'REASONING', 'HIDDEN'])).nullish(),
  /** When the message was said. */
  createdAfter: moment.nullish(),
  createdBefore: moment.nullish(),
  onActivePath: z.boolean().nullish(),
  hasAttachment: z.boolean().nullish(),
});
export type SearchFilter = z.input<typeof searchFilter>;

const attached = `EXISTS (SELECT FROM message_assets link WHERE link.user_id = s.user_id
  AND link.conversation_id = s.conversation_id AND link.node_id = s.node_id) =`;

/**
 * The SQL of a filter on `message_search s`, its parameters numbered from `first`: a join with conversations only when
 * it is needed, and conditions that each begin with AND. The caller limits the rows to their user.
 */
export function narrowSearch(
  filter: z.output<typeof searchFilter>,
  first: number,
): { join: string; conditions: string; parameters: unknown[]; before: Date | null } {
  const { model, conversationId } = filter;
  const given: [condition: (parameter: string) => string, value: unknown][] = [
    [(p) => `s.conversation_id = ${p}::uuid`, idOrNone(conversationId)],
    [(p) => `s.role = ${p}::text`, filter.role],
    [(p) => `s.kind = ANY(${p}::text[]::"MessageKind"[])`, filter.kind],
    [(p) => `s.created_at >= ${p}::timestamptz`, filter.createdAfter],
    [(p) => `s.created_at < ${p}::timestamptz`, filter.createdBefore],
    [(p) => `s.on_active_path = ${p}::bool`, filter.onActivePath],
    [(p) => `${attached} ${p}::bool`, filter.hasAttachment],
    [
      (p) => `(c.model = ${p}::text OR EXISTS (SELECT FROM messages m WHERE m.user_id = s.user_id
         AND m.conversation_id = s.conversation_id AND m.node_id = s.node_id AND m.model = ${p}::text))`,
      model,
    ],
  ];
  const own = given.filter(([, value]) => value !== null && value !== undefined);
  const { externalId, provider, title, archived, starred } = filter;
  const ofConversation = conversationConditions(
    { externalId, provider, title, archived, starred },
    first + own.length,
  );
  const conditions = [
    ...own.map(([condition], index) => condition(`$${first + index}`)),
    ...ofConversation.conditions,
  ];
  const isJoined = ofConversation.conditions.length > 0 || (model !== null && model !== undefined);
  return {
    join: isJoined ? 'JOIN conversations c ON c.user_id = s.user_id AND c.id = s.conversation_id' : '',
    conditions: conditions.map((condition) => `AND ${condition}`).join(' '),
    parameters: [...own.map(([, value]) => value), ...ofConversation.parameters],
    before: filter.createdBefore ?? null,
  };
}

const idOrNone = (id: string | null | undefined) => (typeof id === 'string' && !isUuid(id) ? NIL : id);

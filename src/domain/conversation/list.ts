import { z } from 'zod';
import type { Conversation } from '../../generated/prisma/client.ts';
import { InvalidInputError } from '../errors.ts';
import { parseInput, text } from '../input.ts';
import { formatCursor, idKey, parseCursor } from '../page.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { CONVERSATION_COLUMNS } from './columns.ts';
import { type ConversationFilter, conversationConditions, conversationFilter } from './filter.ts';

export type ConversationOrderField = 'UPDATED_AT' | 'CREATED_AT' | 'TITLE' | 'MESSAGE_COUNT';

/** What to sort by. Those without a time come last either way; the id decides between equals. */
export interface ConversationOrder {
  field: ConversationOrderField;
  direction: 'ASC' | 'DESC';
}

/** A conversation with what decides its place among others: milliseconds, a number or the title in small letters. */
export type ListedConversation = Conversation & { titleKey: string };

/** A page: `limit` rows after one cursor and before the other; `inverted` counts from the back and answers so. */
export interface ConversationPage {
  after?: string;
  before?: string;
  limit: number;
  inverted: boolean;
}

interface Sort {
  expression: string;
  /** What the cursor holds; bounded, for PostgreSQL refuses times outside of its own range. */
  key: z.ZodType<number | string | null>;
  /** A parameter as the expression's type. */
  cast(parameter: string): string;
  keyOf(row: ListedConversation): number | string | null;
}

const timeSort = (column: string, read: (row: ListedConversation) => Date | null): Sort => ({
  expression: `c.${column}`,
  key: z.number().min(-2e14).max(8e15).nullable(),
  cast: (parameter) => `to_timestamp(${parameter}::float8 / 1000)::timestamptz(3)`,
  keyOf: (row) => read(row)?.getTime() ?? null,
});

const sorts: Record<ConversationOrderField, Sort> = {
  UPDATED_AT: timeSort('updated_at', (row) => row.updatedAt),
  CREATED_AT: timeSort('created_at', (row) => row.createdAt),
  TITLE: {
    expression: 'lower(c.title)',
    key: text,
    cast: (parameter) => `${parameter}::text`,
    keyOf: (row) => row.titleKey,
  },
  MESSAGE_COUNT: {
    expression: 'c.message_count',
    key: z.int32(),
    cast: (parameter) => `${parameter}::int`,
    keyOf: (row) => row.messageCount,
  },
};

/**
 * The viewer's conversations. A cursor holds the values that it stands for, so that a page goes on at the same place
 * whatever has become of the row itself. Throws an InvalidInputError for a filter or cursor that is none.
 */
export async function listConversations(
  services: Services,
  viewer: Viewer | null,
  input: ConversationFilter,
  order: ConversationOrder,
  page: ConversationPage,
): Promise<ListedConversation[]> {
  requireScope(viewer, 'read');
  const filter = conversationConditions(parseInput(conversationFilter, input), 2);
  const parameters: unknown[] = [viewer.userId, ...filter.parameters];
  const conditions = ['c.user_id = $1::uuid', ...filter.conditions];
  const { expression, cast } = sorts[order.field];
  for (const [cursor, forward] of [
    [page.after, true],
    [page.before, false],
  ] as const) {
    if (cursor === undefined) continue;
    const { key, id } = placeOf(order, cursor);
    parameters.push(id);
    const here = `$${parameters.length}::uuid`;
    const sign = (order.direction === 'ASC') === forward ? '>' : '<';
    if (key === null) {
      const before = forward ? '' : `${expression} IS NOT NULL OR `;
      conditions.push(`(${before}(${expression} IS NULL AND c.id ${sign} ${here}))`);
    } else {
      parameters.push(key);
      const value = cast(`$${parameters.length}`);
      const nulls = forward ? ` OR ${expression} IS NULL` : '';
      conditions.push(`((${expression}, c.id) ${sign} (${value}, ${here})${nulls})`);
    }
  }
  const ascending = (order.direction === 'ASC') !== page.inverted;
  const direction = ascending ? 'ASC' : 'DESC';
  parameters.push(page.limit);
  const isPlain = filter.conditions.length === 0 && page.after === undefined && page.before === undefined;
  return services.database.query<ListedConversation>(
    `SELECT ${CONVERSATION_COLUMNS}, lower(c.title) AS "titleKey" FROM conversations c WHERE ${conditions.join(' AND ')}
     ORDER BY ${expression} ${direction} NULLS ${page.inverted ? 'FIRST' : 'LAST'}, c.id ${direction}
     LIMIT $${parameters.length}::int`,
    parameters,
    // What everybody begins with; of the others there are too many kinds to keep.
    isPlain ? `conversations by ${order.field} ${direction} ${page.inverted}` : undefined,
  );
}

export async function countConversations(
  services: Services,
  viewer: Viewer | null,
  input: ConversationFilter,
): Promise<number> {
  requireScope(viewer, 'read');
  return countFiltered(services, viewer.userId, parseInput(conversationFilter, input));
}

/** How many conversations of a user a filter matches. */
export async function countFiltered(
  services: Services,
  userId: string,
  filter: ConversationFilter,
): Promise<number> {
  const { conditions, parameters } = conversationConditions(filter, 2);
  const [row] = await services.prisma.$queryRawUnsafe<{ count: number }[]>(
    `SELECT count(*)::int AS count FROM conversations c
     WHERE ${['c.user_id = $1::uuid', ...conditions].join(' AND ')}`,
    userId,
    ...parameters,
  );
  return row?.count ?? 0;
}

/** Where a conversation stands in an order. */
export function conversationCursor(order: ConversationOrder, row: ListedConversation): string {
  return formatCursor([order.field, sorts[order.field].keyOf(row), row.id]);
}

function placeOf(order: ConversationOrder, cursor: string): { key: number | string | null; id: string } {
  const form = z.tuple([z.literal(order.field), sorts[order.field].key, idKey]);
  const parsed = parseCursor(form, cursor);
  if (parsed) return { key: parsed[1], id: parsed[2] };
  const message = 'This cursor is none of a list in this order; begin again without it.';
  throw new InvalidInputError([{ path: ['after'], message, type: 'invalid_cursor' }]);
}

import { z } from 'zod';
import { InvalidInputError } from './errors.ts';

/**
 * What a Relay connection asks of Prisma: `take` rows from the front, or from the back when negative, beyond the row that
 * a cursor names. Left to Prisma, a cursor costs all that lies beyond it, and one whose row has left the list ends it.
 */
export interface Page<Cursor> {
  cursor?: Cursor;
  skip?: number;
  take?: number;
}

type Direction = 'asc' | 'desc';

/** The page for Prisma, once its cursor is a condition: see `beyond`. */
export const withoutCursor = <P extends Page<unknown>>(page: P): P => ({
  ...page,
  cursor: undefined,
  skip: undefined,
});

/** What a cursor holds, as a client may have made it up. */
export const ordinalKey = z.int32();
export const idKey = z.uuid();

/**
 * The condition on the column that a list is sorted by, for what lies beyond the `value` that a cursor holds of it: no row
 * need be there any more. Undefined without one. Throws an InvalidInputError for a value that the column cannot hold.
 */
export function beyond<T>(key: z.ZodType<T>, value: T | undefined, page: Page<unknown>, order: Direction) {
  if (value === undefined) return undefined;
  const parsed = key.safeParse(value);
  if (!parsed.success) throw invalidCursor();
  return { [comparisonOf(page, order)]: parsed.data };
}

/** The same for rows by their time and, of the same time, by their id: where one of them stands. */
export function beyondMoment<Column extends string>(
  column: Column,
  place: { at: Date; id: string },
  page: Page<unknown>,
  order: Direction,
) {
  const comparison = comparisonOf(page, order);
  return {
    OR: [{ [column]: { [comparison]: place.at } }, { [column]: place.at, id: { [comparison]: place.id } }],
  };
}

/**
 * The same for a list of tasks, the newest first. Wherever the cursor's task, which `find` answers, stands by now: it need not be
 * what the list's filter asks for any more.
 */
export async function beyondTask(
  find: (id: string) => Promise<{ id: string; createdAt: Date } | null>,
  page: Page<{ userId_id?: { id: string } | undefined }>,
) {
  const id = page.cursor?.userId_id?.id;
  if (id === undefined) return {};
  const task = await find(id);
  if (!task) throw invalidCursor();
  return beyondMoment('createdAt', { at: task.createdAt, id: task.id }, page, 'desc');
}

const comparisonOf = ({ take = 0 }: Page<unknown>, order: Direction) =>
  take >= 0 === (order === 'asc') ? 'gt' : 'lt';

/** A cursor of ours, which holds the values that it stands for. */
export const formatCursor = (values: unknown[]) => Buffer.from(JSON.stringify(values)).toString('base64url');

/** Null when it is none of this form. */
export function parseCursor<Form extends z.ZodType>(form: Form, cursor: string): z.output<Form> | null {
  return form.safeParse(parseJson(Buffer.from(cursor, 'base64url').toString())).data ?? null;
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

/** A cursor that stands nowhere in its list. */
export function invalidCursor(): InvalidInputError {
  const message = 'This is not a cursor of this list, or what it stood for is gone; begin again without it.';
  return new InvalidInputError([{ path: ['after'], message, type: 'invalid_cursor' }]);
}

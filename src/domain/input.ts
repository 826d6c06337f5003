import { z } from 'zod';
import { InvalidInputError } from './errors.ts';

/** Text as PostgreSQL can hold it: halves of characters, which its JSON refuses, become U+FFFD, as they do on the way to a column. */
export const text = z
  .string()
  .overwrite((value) => value.toWellFormed())
  .refine((value) => !value.includes('\0'), 'Text cannot hold the character NUL (U+0000).');

/** The first moment that PostgreSQL's timestamps hold is in 4714 BC; JavaScript's last one is within their range. */
export const moment = z.coerce.date().min(new Date('-004000-01-01T00:00:00Z'), 'This is too long ago.');

/** Checks an input against its schema. Throws an InvalidInputError with every problem. */
export function parseInput<S extends z.ZodType>(schema: S, input: unknown): z.infer<S> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new InvalidInputError(
    parsed.error.issues.map((issue) => ({
      path: issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step)),
      message: issue.message,
      type: issue.code,
    })),
  );
}

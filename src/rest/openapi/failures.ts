import { z } from 'zod';
import type { ErrorCode } from '../../domain/errors.ts';

const detail = z.string().meta({ description: 'What went wrong and what to do, for a person.' });

const problem = z.object({ detail }).meta({ id: 'Problem', description: 'A failure.' });

const invalidInput = z
  .object({
    detail: z.array(
      z.object({
        loc: z
          .array(z.union([z.string(), z.number()]))
          .meta({ description: 'Where: `body` or `query`, then the names of fields from the outside in.' }),
        msg: z.string().meta({ description: 'What is wrong there, for a person.' }),
        type: z.string().meta({ description: 'The same for a program, such as `too_small`.' }),
      }),
    ),
  })
  .meta({ id: 'InvalidInput', description: 'Every problem of an input.' });

const conflict = z
  .object({ detail, task_id: z.string().meta({ description: 'The task that is in the way.' }) })
  .meta({ id: 'Conflict', description: 'Work that is already waiting or running.' });

const chatUnavailable = z
  .object({
    detail,
    reason: z
      .string()
      .optional()
      .meta({ description: 'For a program, such as `NOT_CONFIGURED` or `TIMED_OUT`.' }),
    retry_after: z.int().optional().meta({ description: 'Seconds until it is worth trying again.' }),
    session_id: z.string().optional().meta({ description: 'Of the question, when it is kept.' }),
    turn_id: z.string().optional().meta({ description: 'Sent as `retry_turn_id` to ask it again.' }),
  })
  .meta({ id: 'ChatUnavailable', description: 'No model is configured, or it does not answer.' });

const unexpected = z
  .object({ detail, request_id: z.string().optional().meta({ description: 'By which the log knows it.' }) })
  .meta({ id: 'Unexpected', description: 'A failure that nobody expected.' });

const retryAfter = z.object({
  'Retry-After': z.int().meta({ description: 'Seconds until it is worth trying again.' }),
});
const authenticate = z.object({ 'WWW-Authenticate': z.string() });

const json = (schema: z.ZodType) => ({ 'application/json': { schema } });

/** How each failure is answered; the status stands in the one table of rest/errors.ts. */
export const failures = {
  NOT_SIGNED_IN: {
    description: 'No key or session, or none that counts.',
    content: json(problem),
    headers: authenticate,
  },
  NOT_ALLOWED: { description: 'The key or session may not do this.', content: json(problem) },
  NOT_FOUND: { description: 'There is none, or it is somebody else’s.', content: json(problem) },
  CONFLICT: { description: 'Such work is already waiting or running.', content: json(conflict) },
  INVALID_INPUT: { description: 'The input is wrong.', content: json(invalidInput) },
  NO_EXPORT_URL: { description: 'No export URL is given and none is configured.', content: json(problem) },
  TOO_LARGE: { description: 'The archive is larger than this server takes.', content: json(problem) },
  NO_SPACE: { description: 'The server’s disk is full.', content: json(problem) },
  TOO_MANY_REQUESTS: { description: 'Too many requests.', content: json(problem), headers: retryAfter },
  UNAVAILABLE: { description: 'Something that is needed does not answer.', content: json(problem) },
  SEMANTIC_SEARCH_UNAVAILABLE: {
    description: 'What search by meaning needs is not there, or does not answer.',
    content: json(problem),
  },
  CHAT_UNAVAILABLE: { description: 'There is no answer of a model.', content: json(chatUnavailable) },
} satisfies Record<
  ErrorCode,
  { description: string; content: ReturnType<typeof json>; headers?: z.ZodObject }
>;

/** A body that is no JSON, too large, or of another type, as Express's parser and rest/json-body.ts refuse it. */
export const unreadableBody = {
  '400': { description: 'The body is no JSON.', content: json(problem) },
  '413': { description: 'The body is too large.', content: json(problem) },
  '415': { description: 'The body is of a type that is not read here.', content: json(problem) },
};

export const unexpectedFailure = {
  '500': { description: 'Something went wrong on the server.', content: json(unexpected) },
};

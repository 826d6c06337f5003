import { z } from 'zod';
import { type SearchMode, searchModes } from '../embedding/find.ts';
import { InvalidInputError } from '../errors.ts';
import { parseInput, text } from '../input.ts';

/** How many messages of the history a question brings along, and how they are found. */
const retrievalInput = z.strictObject({
  query: text.trim().min(1, 'Say what you want to know.').max(4_000),
  k: z.int().min(1).max(20).default(5),
  /** How the history is searched. */
  searchMode: z.enum(searchModes).default('AUTO'),
});

/** UTF-16 units of a text that is sent to be analysed. */
export const MAX_ANALYZED_CHARACTERS = 100_000;

/** Exactly one of `text` and `query` must be there; null is as good as nothing. */
export const analyzeInput = z.strictObject({
  ...retrievalInput.shape,
  query: retrievalInput.shape.query.nullish(),
  text: text.trim().min(1).max(MAX_ANALYZED_CHARACTERS).nullish(),
});

export const suggestInput = z.strictObject({
  query: retrievalInput.shape.query.nullish(),
  sessionId: z.string().nullish(),
});

export const historyInput = z.strictObject({ limit: z.coerce.number().int().min(1).max(500).default(100) });

/** How many turns of a session to show. Throws an InvalidInputError. */
export const parseHistoryLimit = (limit: unknown): number => parseInput(historyInput, { limit }).limit;

export const chatInput = z.strictObject({
  ...retrievalInput.shape,
  query: retrievalInput.shape.query.optional(),
  /** A new session without one. */
  sessionId: z.string().nullish(),
  /** `session/ordinal` of a failed turn to ask again, in place of `query` and `sessionId`. */
  retryTurnId: z.string().nullish(),
});

export type ChatInput = z.input<typeof chatInput>;

/** A question to be asked for the first time, or a turn to be asked again. */
export type ChatRequest = { k: number; searchMode: SearchMode } & (
  | { query: string; sessionId: string | null; retryTurnId: null }
  | { query: null; sessionId: null; retryTurnId: string }
);

/** Throws an InvalidInputError unless there is either a question or a turn to ask again. */
export function parseChatInput(input: ChatInput): ChatRequest {
  const { k, searchMode, query, sessionId, retryTurnId } = parseInput(chatInput, input);
  if (retryTurnId) {
    if (query === undefined && !sessionId)
      return { k, searchMode, query: null, sessionId: null, retryTurnId };
    const path = [query === undefined ? 'sessionId' : 'query'];
    throw new InvalidInputError([
      { path, message: 'Leave this out to ask a turn again: the turn has it.', type: 'unexpected' },
    ]);
  }
  if (query !== undefined) return { k, searchMode, query, sessionId: sessionId ?? null, retryTurnId: null };
  throw new InvalidInputError([{ path: ['query'], message: 'Say what you want to know.', type: 'missing' }]);
}

import type { Conversation } from '../../generated/prisma/client.ts';
import { NotFoundError } from '../errors.ts';
import { parseInput } from '../input.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { citationsOf } from './citation.ts';
import { writeAbout } from './complete.ts';
import { suggestInput } from './input.ts';
import { retrieve } from './retrieve.ts';
import { getChatSession } from './session.ts';

const MAX_SUGGESTIONS = 5;
const MAX_CHARACTERS = 200;
/** Conversations that are named when nothing else is known. */
const RECENT = 5;

const RULES = `You propose questions that a person may want to ask next about their own archive of past conversations.
Write up to five short questions in the language of the text, one on each line, without numbers or any other words.`;

export type Method = 'model' | 'extractive';

export interface Suggestions {
  /** Five at most. */
  suggestions: string[];
  method: Method;
}

/** Questions that follow from a text, by the model; without either, or when it fails, questions about titles of conversations. */
export async function suggestFrom(
  services: Services,
  text: string,
  titles: string[],
  signal: AbortSignal,
): Promise<Suggestions> {
  const written = text === '' ? null : await writeAbout(services, RULES, text, signal);
  const lines = (written?.reply ?? '')
    .split('\n')
    .map((line) => line.replace(/^[\s\-*•]*(?:\d+[.)])?\s*/, '').trim())
    .filter((line) => line !== '' && line.length <= MAX_CHARACTERS);
  const suggestions = [...new Set(lines)].slice(0, MAX_SUGGESTIONS);
  return suggestions.length > 0
    ? { suggestions, method: 'model' }
    : { suggestions: aboutTitles(titles), method: 'extractive' };
}

function aboutTitles(titles: string[]): string[] {
  return [...new Set(titles)]
    .filter((title) => title.trim() !== '')
    .slice(0, MAX_SUGGESTIONS)
    .map((title) => `What else was said in “${title.slice(0, MAX_CHARACTERS - 40).toWellFormed()}”?`);
}

/**
 * Questions that could be asked next: after the last turn of a session, about what a query finds, or about the newest
 * conversations when neither is given. Throws an InvalidInputError, a NotFoundError for a session that is not the
 * viewer's, and a TooManyRequestsError.
 */
export async function suggest(
  services: Services,
  viewer: Viewer | null,
  input: unknown,
  signal: AbortSignal,
): Promise<Suggestions> {
  requireScope(viewer, 'read');
  const { query, sessionId } = parseInput(suggestInput, input);
  await services.limits.spend('chat', viewer);
  const { text, conversations } = sessionId
    ? await readLastTurn(services, viewer, sessionId)
    : query
      ? { text: query, conversations: await findConversations(services, viewer, query) }
      : { text: '', conversations: await readNewest(services, viewer) };
  const titles = conversations.map(({ title }) => title);
  return suggestFrom(services, [text, ...titles].filter((part) => part !== '').join('\n'), titles, signal);
}

async function readLastTurn(services: Services, viewer: Viewer, sessionId: string) {
  if (!(await getChatSession(services, viewer, sessionId))) throw new NotFoundError('chat session');
  const turn = await services.prisma.chatTurn.findFirst({
    where: { userId: viewer.userId, sessionId, status: 'ANSWERED' },
    orderBy: { ordinal: 'desc' },
  });
  if (!turn) return { text: '', conversations: await readNewest(services, viewer) };
  const citations = await citationsOf(services, viewer, turn);
  return {
    text: `${turn.query}\n\n${turn.response}`,
    conversations: citations.flatMap(({ conversation }) => (conversation ? [conversation] : [])),
  };
}

async function findConversations(services: Services, viewer: Viewer, query: string): Promise<Conversation[]> {
  const found = await retrieve(services, viewer, { query, previous: null, k: 2 * MAX_SUGGESTIONS });
  return found.map(({ conversation }) => conversation);
}

function readNewest(services: Services, viewer: Viewer): Promise<Conversation[]> {
  return services.prisma.conversation.findMany({
    where: { userId: viewer.userId },
    orderBy: [{ updatedAt: { sort: 'desc', nulls: 'last' } }, { id: 'desc' }],
    take: RECENT,
  });
}

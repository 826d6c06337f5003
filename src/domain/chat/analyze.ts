import { getConversation } from '../conversation/read.ts';
import { InvalidInputError, NotFoundError } from '../errors.ts';
import { parseInput } from '../input.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { writeAbout } from './complete.ts';
import { extractSummary, extractTopics } from './extract.ts';
import { analyzeInput } from './input.ts';
import { retrieve } from './retrieve.ts';
import type { Method } from './suggestions.ts';

/** Messages from the beginning and from the end of a conversation that a summary is made of, and how much of each. */
const FIRST_MESSAGES = 100;
const LAST_MESSAGES = 200;
const MAX_MESSAGE_CHARACTERS = 4_000;
const MAX_TOPICS = 8;

const ANALYZE = `You say what a text is about.
Write the topics on the first line, eight at most, separated by semicolons. Then leave a line empty, and write a summary of up to five sentences in the language of the text.`;
const SUMMARIZE = `You summarize a conversation between a person and an assistant.
Write up to seven sentences in the language of the conversation: what was asked, what was found, what was left open.`;

export interface Analysis {
  /** Eight at most. */
  topics: string[];
  summary: string;
  method: Method;
}

/**
 * What a text, or what the viewer's history says to a query, is about. By the model; by extractTopics and extractSummary
 * without one, or when it fails. Throws an InvalidInputError, a SemanticSearchUnavailableError, and a TooManyRequestsError.
 */
export async function analyze(
  services: Services,
  viewer: Viewer | null,
  input: unknown,
  signal: AbortSignal,
): Promise<Analysis> {
  requireScope(viewer, 'read');
  const { text = null, query = null, k, searchMode } = parseInput(analyzeInput, input);
  if ((text === null) === (query === null)) {
    const message = 'Send either a text, or a query that finds one.';
    throw new InvalidInputError([{ path: [text === null ? 'query' : 'text'], message, type: 'missing' }]);
  }
  await services.limits.spend('chat', viewer);
  const found = query ? await retrieve(services, viewer, { query, previous: null, k, mode: searchMode }) : [];
  const subject =
    text ?? found.map(({ message }) => message.text.slice(0, MAX_MESSAGE_CHARACTERS)).join('\n\n');
  if (subject === '') return { topics: [], summary: '', method: 'extractive' };
  const written = await writeAbout(services, ANALYZE, subject, signal);
  const [first = '', ...rest] = (written?.reply ?? '').split('\n');
  const summary = rest.join('\n').trim();
  if (summary === '') {
    return { topics: extractTopics(subject), summary: extractSummary(subject), method: 'extractive' };
  }
  const topics = first.split(';').map((topic) => topic.trim());
  return { topics: topics.filter((topic) => topic !== '').slice(0, MAX_TOPICS), summary, method: 'model' };
}

export interface Summary {
  summary: string;
  method: Method;
  /** False when the conversation was too long to be read whole. */
  isWhole: boolean;
}

/** A summary of what one conversation of the viewer shows to a reader. Throws a NotFoundError and a TooManyRequestsError. */
export async function summarizeConversation(
  services: Services,
  viewer: Viewer | null,
  id: string,
  signal: AbortSignal,
): Promise<Summary> {
  requireScope(viewer, 'read');
  await services.limits.spend('chat', viewer);
  const conversation = await getConversation(services, viewer, id);
  if (!conversation) throw new NotFoundError('document');
  const rows = await services.database.query<{
    role: string;
    text: string;
    isWhole: boolean;
    messages: number;
  }>(
    `WITH shown AS (
       SELECT role, left(text, $5) AS text, length(text) <= $5 AS whole, row_number() OVER (ORDER BY ordinal) AS place,
         count(*) OVER () AS messages
       FROM messages WHERE user_id = $1 AND conversation_id = $2 AND on_active_path AND kind = 'VISIBLE'
     )
     SELECT role, text, whole AS "isWhole", messages::int FROM shown
     WHERE place <= $3 OR place > messages - $4 ORDER BY place`,
    [viewer.userId, id, FIRST_MESSAGES, LAST_MESSAGES, MAX_MESSAGE_CHARACTERS],
  );
  if (rows.length === 0) return { summary: '', method: 'extractive', isWhole: true };
  const isWhole = rows.every((row) => row.isWhole) && rows.length === (rows[0]?.messages ?? 0);
  const said = rows.map(({ role, text }) => `${role}: ${text}`).join('\n\n');
  const written = await writeAbout(services, SUMMARIZE, `${conversation.title}\n\n${said}`, signal);
  if (written) return { summary: written.reply, method: 'model', isWhole: isWhole && written.isWhole };
  const text = rows.map((row) => row.text).join('\n\n');
  return { summary: extractSummary(text), method: 'extractive', isWhole };
}

import type { ChatTurn } from '../../generated/prisma/client.ts';
import { ChatUnavailableError, NotFoundError } from '../errors.ts';
import type { ChatEnd, ChatModel, Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import type { Citation, StoredCitation } from './citation.ts';
import type { Excerpt } from './excerpt.ts';
import { type ChatInput, type ChatRequest, parseChatInput } from './input.ts';
import { keepKnownCitations } from './known-citations.ts';
import { buildPrompt, type Prompt } from './prompt.ts';
import { retrieve } from './retrieve.ts';
import { noted } from './running.ts';
import { chatTurnId, getChatSession } from './session.ts';
import { suggestFrom } from './suggestions.ts';
import {
  beginTurn,
  beginTurnAgain,
  endTurn,
  keepSuggestions,
  MAX_TURN_MS,
  readFailedTurn,
  type TurnEnd,
  watchDeletion,
} from './turn.ts';

/** What is cited, with what was said around it. */
export type Cited = Citation & Pick<Excerpt, 'neighbours'>;

/** What comes of a question, in this order; `failed` may stand in place of all that follows `session`. */
export type ChatEvent =
  | { type: 'context'; citations: Cited[] }
  | { type: 'session'; turn: ChatTurn }
  | { type: 'token'; text: string }
  | { type: 'suggestions'; suggestions: string[] }
  | { type: 'done'; turn: ChatTurn }
  | { type: 'failed'; error: ChatUnavailableError; turn: ChatTurn };

/** A model that never ends must end. */
const MAX_ANSWER_CHARACTERS = 200_000;
/** Turns that a prompt may look back to. */
const MAX_EARLIER = 20;

const notices: Record<Exclude<ChatEnd, 'DONE'>, TurnEnd['error']> = {
  LENGTH: { code: 'CUT_SHORT', message: 'The model reached its limit of length: the answer is incomplete.' },
  FILTERED: { code: 'FILTERED', message: 'The model’s server held back the rest of the answer.' },
};

const clientLeft = {
  code: 'CLIENT_LEFT',
  message: 'Nobody waited for the end of the answer. Ask again.',
};

/** The configured model. Throws a ChatUnavailableError that says how to configure one. */
export function requireModel({ chat }: Services): ChatModel {
  if (chat) return chat;
  throw new ChatUnavailableError(
    'NOT_CONFIGURED',
    'This server has no model to chat with. An operator sets CHAT_BASE_URL and CHAT_MODEL, and CHAT_API_KEY when the model’s server asks for a key.',
  );
}

/**
 * Asks the model a question about the viewer's history, or a failed turn again. Everything that can be refused is refused
 * before the stream begins: throws an InvalidInputError, a NotFoundError for a session or turn that is not the viewer's, a
 * TooManyRequestsError, and a ChatUnavailableError without a model. When `signal` aborts, or the reader stops, the request
 * to the model is taken back, and the turn kept as failed.
 */
export async function openChat(
  services: Services,
  viewer: Viewer | null,
  input: ChatInput,
  signal: AbortSignal,
): Promise<AsyncGenerator<ChatEvent>> {
  requireScope(viewer, 'read');
  const request = parseChatInput(input);
  const model = requireModel(services);
  await services.limits.spend('chat', viewer);
  const { failed, sessionId } = await readTarget(services, viewer, request);
  const query = failed?.query ?? request.query ?? '';
  const earlier = sessionId ? await readEarlier(services, viewer, sessionId, failed?.ordinal) : [];
  const findings = await retrieve(services, viewer, {
    query,
    previous: earlier[0]?.query ?? null,
    k: request.k,
    mode: request.searchMode,
  });
  const prompt = buildPrompt(model, await model.tokenCounter(), { query, earlier, findings });
  const fresh = { query, model: model.name, context: prompt.excerpts.map(toStored) };
  const begin = () =>
    failed
      ? beginTurnAgain(services, viewer, failed, fresh)
      : beginTurn(services, viewer, { ...fresh, sessionId });
  // The turn is begun by the first who reads: a stream that nobody reads must leave none behind.
  return noted(model, answerTurn(services, model, begin, prompt, signal));
}

/** The same, waiting for the end of it. Throws the ChatUnavailableError of a turn that failed, too. */
export async function sendChatMessage(
  services: Services,
  viewer: Viewer | null,
  input: ChatInput,
  signal: AbortSignal,
): Promise<{ turn: ChatTurn; citations: Cited[] }> {
  let citations: Cited[] = [];
  try {
    for await (const event of await openChat(services, viewer, input, signal)) {
      if (event.type === 'context') citations = event.citations;
      if (event.type === 'failed') throw event.error;
      if (event.type === 'done') return { turn: event.turn, citations };
    }
  } catch (error) {
    // Nobody is left to be told, and nothing unexpected happened.
    if (signal.aborted) throw new ChatUnavailableError('BROKEN_OFF', clientLeft.message);
    throw error;
  }
  throw new Error('A chat ended without an end.');
}

async function readTarget(
  services: Services,
  viewer: Viewer,
  request: ChatRequest,
): Promise<{ failed: ChatTurn | null; sessionId: string | null }> {
  if (request.retryTurnId !== null) {
    const failed = await readFailedTurn(services, viewer, request.retryTurnId);
    return { failed, sessionId: failed.sessionId };
  }
  if (request.sessionId === null) return { failed: null, sessionId: null };
  const session = await getChatSession(services, viewer, request.sessionId);
  if (!session) throw new NotFoundError('chat session');
  return { failed: null, sessionId: session.id };
}

/** The answered turns before this one, the last first. */
function readEarlier(
  services: Services,
  viewer: Viewer,
  sessionId: string,
  before: number | undefined,
): Promise<ChatTurn[]> {
  return services.prisma.chatTurn.findMany({
    where: { userId: viewer.userId, sessionId, status: 'ANSWERED', ordinal: { lt: before } },
    orderBy: { ordinal: 'desc' },
    take: MAX_EARLIER,
  });
}

async function* answerTurn(
  services: Services,
  model: ChatModel,
  begin: () => Promise<ChatTurn>,
  { messages, excerpts }: Prompt,
  signal: AbortSignal,
): AsyncGenerator<ChatEvent> {
  const deadline = AbortSignal.timeout(MAX_TURN_MS);
  let turn = await begin();
  const { deleted, close } = watchDeletion(services, turn);
  let response = '';
  let failed: TurnEnd['error'] = clientLeft;
  try {
    yield { type: 'context', citations: excerpts.map(toCited) };
    yield { type: 'session', turn };
    const answer = limitLength(model.answer(messages, AbortSignal.any([signal, deadline, deleted])));
    const pieces = keepKnownCitations(answer, new Set(excerpts.map(({ number }) => number)));
    let notice: TurnEnd['error'] = null;
    try {
      for (;;) {
        const { value, done } = await pieces.next();
        if (done) {
          notice = value === 'DONE' ? null : notices[value];
          break;
        }
        response += value;
        yield { type: 'token', text: value };
      }
    } finally {
      await pieces.return('DONE');
    }
    if (response.trim() === '')
      throw new ChatUnavailableError('REFUSED', 'The model gave no answer. Ask again.');
    turn = await endTurn(services, turn, { status: 'ANSWERED', response, error: notice });
  } catch (cause) {
    signal.throwIfAborted();
    const failure = failureOf(cause, deadline, turn);
    failed = { code: failure?.reason ?? 'INTERNAL', message: failure?.message ?? 'Something went wrong.' };
    if (!failure) throw cause;
    turn = await endTurn(services, turn, { status: 'FAILED', response, error: failed });
    yield { type: 'failed', error: failure, turn };
    return;
  } finally {
    close();
    if (turn.status === 'ANSWERING') await failQuietly(services, turn, response, failed);
  }
  const titles = excerpts.map(({ finding }) => finding.conversation.title);
  const { suggestions } = await suggestFrom(services, `${turn.query}\n\n${response}`, titles, signal);
  turn = await keepSuggestions(services, turn, suggestions);
  yield { type: 'suggestions', suggestions };
  yield { type: 'done', turn };
}

/** An answer as PostgreSQL can hold it, of a length that memory can. */
async function* limitLength(pieces: AsyncGenerator<string, ChatEnd>): AsyncGenerator<string, ChatEnd> {
  let left = MAX_ANSWER_CHARACTERS;
  let half = '';
  try {
    for (;;) {
      const { value, done } = await pieces.next();
      if (done) return value;
      const whole = half + value.replaceAll('\0', '');
      // Some servers cut between the two halves of a character.
      [half = ''] = /[\ud800-\udbff]$/.exec(whole) ?? [];
      const text = whole.slice(0, Math.min(left, whole.length - half.length)).toWellFormed();
      if (text !== '') yield text;
      left -= text.length;
      if (left <= 0) return 'LENGTH';
    }
  } finally {
    await pieces.return('DONE');
  }
}

/** The failure as the client sees it; null when it is none of the model's. */
function failureOf(cause: unknown, deadline: AbortSignal, turn: ChatTurn): ChatUnavailableError | null {
  const failure = deadline.aborted
    ? new ChatUnavailableError('TIMED_OUT', 'The model took too long to finish. Ask for something shorter.')
    : cause;
  if (!(failure instanceof ChatUnavailableError)) return null;
  return new ChatUnavailableError(failure.reason, failure.message, {
    cause: failure,
    retryAfter: failure.retryAfter,
    turnId: chatTurnId(turn),
  });
}

/** For a turn whose reader is gone, and who cannot be told when not even that can be written. */
async function failQuietly(
  services: Services,
  turn: ChatTurn,
  response: string,
  error: TurnEnd['error'],
): Promise<void> {
  try {
    await endTurn(services, turn, { status: 'FAILED', response, error });
  } catch (cause) {
    // Its session was deleted, and nothing of it is to be kept.
    if (cause instanceof NotFoundError) return;
    services.logger.warn({ error: cause }, 'a broken-off chat turn could not be written');
  }
}

function toStored({ number, finding, start, end }: Excerpt): StoredCitation {
  const { conversationId, nodeId } = finding.message;
  return { number, conversationId, nodeId, score: finding.score, start, end };
}

function toCited({ number, finding, start, end, neighbours }: Excerpt): Cited {
  const { message, conversation, score } = finding;
  return {
    number,
    score,
    message,
    conversation,
    quote: message.text.slice(start, end),
    start,
    end,
    neighbours,
  };
}

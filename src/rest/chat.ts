import { analyze, summarizeConversation } from '../domain/chat/analyze.ts';
import { type ChatEvent, type Cited, openChat, sendChatMessage } from '../domain/chat/ask.ts';
import { checkChat } from '../domain/chat/health.ts';
import { type ChatInput, MAX_ANALYZED_CHARACTERS, parseHistoryLimit } from '../domain/chat/input.ts';
import { deleteChatSession, getChatSession, listChatTurns } from '../domain/chat/session.ts';
import { suggest } from '../domain/chat/suggestions.ts';
import { stateOf } from '../domain/chat/turn.ts';
import { DomainError, NotFoundError, NotSignedInError } from '../domain/errors.ts';
import { encodeId, localId } from '../domain/global-id.ts';
import type { Services } from '../domain/services.ts';
import * as descriptions from './chat-descriptions.ts';
import { toChatFailure } from './errors.ts';
import type { Call, Route } from './router.ts';
import { eventStream } from './server-sent-events.ts';

const PREVIEW_CHARACTERS = 320;
/** Every character of the longest text may be written as an escape of six, as JSON's writers do outside of ASCII. */
const MAX_ANALYSIS_BYTES = 6 * MAX_ANALYZED_CHARACTERS + 64 * 1024;

const fieldNames = { sessionId: 'session_id', searchMode: 'search_mode', retryTurnId: 'retry_turn_id' };

export const chatRoutes: Route[] = [
  {
    method: 'get',
    path: '/healthz/chat',
    ignoresViewer: true,
    about: descriptions.health,
    async handle(services) {
      const health = await checkChat(services);
      return {
        body: {
          ok: true,
          chat_available: health.isAvailable,
          ...(health.isAvailable
            ? { model_info: { model: health.model, context_tokens: health.contextTokens } }
            : { error: health.error }),
        },
      };
    },
  },
  {
    method: 'post',
    path: '/chat',
    about: descriptions.chat,
    fieldNames,
    async handle(services, { viewer, body, signal }) {
      const { turn, citations } = await sendChatMessage(services, viewer, toInput(body), signal);
      return {
        body: {
          session_id: encodeId('ChatSession', turn.sessionId),
          response: turn.response,
          context: citations.map(toContext),
          query: turn.query,
          suggestions: turn.suggestions,
        },
      };
    },
  },
  {
    method: 'post',
    path: '/chat/stream',
    about: descriptions.stream,
    fieldNames,
    async handle(services, call) {
      // Nobody comes here who is not signed in, which the type does not say.
      const release = call.viewer ? services.streams.open(call.viewer.userId) : () => undefined;
      try {
        const events = await openChat(services, call.viewer, toInput(call.body), call.signal);
        return eventStream(toStreamed(services, events, call), release);
      } catch (error) {
        release();
        throw error;
      }
    },
  },
  {
    method: 'get',
    path: '/chat/history/:sessionId',
    about: descriptions.history,
    async handle(services, { viewer, params, query }) {
      const sessionId = localId('ChatSession', params.sessionId ?? '');
      const take = parseHistoryLimit(query.limit);
      const session = await getChatSession(services, viewer, sessionId);
      if (!session) throw new NotFoundError('chat session');
      const turns = await listChatTurns(services, viewer, sessionId, { take, orderBy: { ordinal: 'desc' } });
      return {
        body: {
          session_id: encodeId('ChatSession', sessionId),
          history: turns.toReversed().map((turn) => ({
            user: turn.query,
            assistant: turn.response,
            status: stateOf(turn).status,
          })),
        },
      };
    },
  },
  {
    method: 'delete',
    path: '/chat/history/:sessionId',
    about: descriptions.deletion,
    async handle(services, { viewer, params }) {
      const sessionId = localId('ChatSession', params.sessionId ?? '');
      await deleteChatSession(services, viewer, sessionId);
      return {
        body: { message: 'The session is deleted.', session_id: encodeId('ChatSession', sessionId) },
      };
    },
  },
  {
    method: 'post',
    path: '/analyze',
    about: descriptions.analysis,
    maxBodyBytes: MAX_ANALYSIS_BYTES,
    fieldNames,
    async handle(services, { viewer, body, signal }) {
      const { query, text, k } = body;
      const analysis = await analyze(services, viewer, { query, text, k, searchMode: toMode(body) }, signal);
      return { body: analysis };
    },
  },
  {
    method: 'post',
    path: '/suggest',
    about: descriptions.suggestions,
    fieldNames,
    async handle(services, { viewer, body, signal }) {
      const input = { query: body.query, sessionId: toLocalId('ChatSession', body.session_id) };
      return { body: await suggest(services, viewer, input, signal) };
    },
  },
  {
    method: 'get',
    path: '/summarize/:docId',
    about: descriptions.summary,
    async handle(services, { viewer, params, signal }) {
      const id = localId('Conversation', params.docId ?? '');
      const { summary, method, isWhole } = await summarizeConversation(services, viewer, id, signal);
      return { body: { doc_id: encodeId('Conversation', id), summary, method, is_whole: isWhole } };
    },
  },
];

function toInput(body: Call['body']): ChatInput {
  return {
    query: body.query,
    sessionId: toLocalId('ChatSession', body.session_id),
    retryTurnId: toLocalId('ChatTurn', body.retry_turn_id),
    k: body.k,
    searchMode: toMode(body),
  } as ChatInput;
}

/** What is no string stays as it is, to be refused by its name. */
const toLocalId = (type: string, id: unknown) => (typeof id === 'string' ? localId(type, id) : id);
const toMode = ({ search_mode: mode }: Call['body']) =>
  typeof mode === 'string' ? mode.toUpperCase() : mode;

/** Ctx of the contract: a chunk is a message, a document its conversation. */
function toContext({ number, score, message, conversation, quote, start, end, neighbours }: Cited) {
  const documentId = conversation ? encodeId('Conversation', conversation.id) : null;
  const chunkId = (nodeId: string) => encodeId('Message', `${conversation?.id}/${nodeId}`);
  return {
    rank: number,
    score,
    source: conversation?.title ?? null,
    preview: quote.slice(0, PREVIEW_CHARACTERS).toWellFormed(),
    text: quote,
    doc_id: documentId,
    chunk_id: message ? chunkId(message.nodeId) : null,
    start_char: start,
    end_char: end,
    context_json: {
      context: neighbours.map(({ nodeId, text, end: quoteEnd }) => ({
        doc: documentId,
        loc: { doc_id: documentId, chunk_id: chunkId(nodeId), start: 0, end: quoteEnd },
        quote: text,
      })),
    },
  };
}

type Streamed = {
  type: 'context' | 'session_id' | 'token' | 'suggestions' | 'done' | 'error';
  data: unknown;
};

async function* toStreamed(
  services: Services,
  events: AsyncGenerator<ChatEvent>,
  { signal, requestId }: Call,
): AsyncGenerator<Streamed> {
  try {
    for await (const event of events) yield toEvent(event);
  } catch (error) {
    // An answer may take minutes: it ends with the session or key that asked for it.
    if (signal.reason instanceof NotSignedInError)
      yield { type: 'error', data: { detail: signal.reason.message } };
    else if (signal.aborted) return;
    else if (error instanceof DomainError) yield { type: 'error', data: { detail: error.message } };
    else {
      services.logger.error({ error, requestId }, 'a chat failed unexpectedly');
      const detail = `Something went wrong. Quote the request id ${requestId}.`;
      yield { type: 'error', data: { detail, request_id: requestId } };
    }
  }
}

function toEvent(event: ChatEvent): Streamed {
  switch (event.type) {
    case 'context':
      return { type: 'context', data: event.citations.map(toContext) };
    case 'session':
      return { type: 'session_id', data: encodeId('ChatSession', event.turn.sessionId) };
    case 'token':
      return { type: 'token', data: event.text };
    case 'suggestions':
      return { type: 'suggestions', data: event.suggestions };
    case 'done': {
      const { sessionId, response, query } = event.turn;
      return { type: 'done', data: { session_id: encodeId('ChatSession', sessionId), response, query } };
    }
    case 'failed':
      return { type: 'error', data: toChatFailure(event.error) };
  }
}

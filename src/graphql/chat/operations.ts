import { Repeater } from '@repeaterjs/repeater';
import { type ChatEvent, openChat, sendChatMessage } from '../../domain/chat/ask.ts';
import type { ChatInput as ChatInputShape } from '../../domain/chat/input.ts';
import {
  ChatUnavailableError,
  NotFoundError,
  SemanticSearchUnavailableError,
  TooManyRequestsError,
} from '../../domain/errors.ts';
import { localId } from '../../domain/global-id.ts';
import { builder } from '../builder.ts';
import { expectedErrors } from '../errors.ts';
import { SearchModeEnum } from '../search.ts';
import { ChatEventType } from './event.ts';
import { ChatTurnType } from './session.ts';

const ChatInput = builder.inputType('ChatInput', {
  description: 'A question about the history, or a failed turn to ask again.',
  fields: (t) => ({
    query: t.string({ required: false, description: 'The question, 4,000 characters at most.' }),
    sessionId: t.id({
      required: false,
      description: 'The talk that it goes on with; a new one when left out.',
    }),
    retryTurnId: t.id({
      required: false,
      description: 'A failed turn to ask again, in place of `query` and `sessionId`.',
    }),
    k: t.int({
      required: false,
      description: 'Messages of the history to bring along, 1 to 20; 5 when left out.',
    }),
    mode: t.field({ type: SearchModeEnum, required: false, description: 'How to look for them.' }),
  }),
});

function toInput(input: typeof ChatInput.$inferInput): ChatInputShape {
  const { query, sessionId, retryTurnId, k, mode } = input;
  return {
    query: query ?? undefined,
    sessionId: sessionId ? localId('ChatSession', sessionId) : null,
    retryTurnId: retryTurnId ? localId('ChatTurn', retryTurnId) : null,
    k: k ?? undefined,
    searchMode: mode ?? undefined,
  };
}

const chatErrors = [
  ...expectedErrors,
  NotFoundError,
  TooManyRequestsError,
  ChatUnavailableError,
  SemanticSearchUnavailableError,
];

builder.mutationField('sendChatMessage', (t) =>
  t.field({
    type: ChatTurnType,
    description: 'Asks the model about the viewer’s history, and answers when it is done.',
    args: { input: t.arg({ type: ChatInput, description: 'The question.' }) },
    errors: { types: chatErrors },
    resolve: async (_root, { input }, { services, viewer, signal }) => {
      const { turn } = await sendChatMessage(services, viewer, toInput(input), signal);
      return turn;
    },
  }),
);

builder.subscriptionField('chat', (t) =>
  t.field({
    type: ChatEventType,
    description: 'Asks the model about the viewer’s history, and tells the answer as it comes.',
    args: { input: t.arg({ type: ChatInput, description: 'The question.' }) },
    subscribe: async (_root, { input }, { services, viewer }) => {
      const left = new AbortController();
      const events = await openChat(services, viewer, toInput(input), left.signal);
      return streamOf(events, left);
    },
    resolve: (event) => event,
  }),
);

/** No piece of an answer may be dropped: the model waits for its reader. A Repeater, because a generator that waits cannot be ended from outside. */
function streamOf(events: AsyncGenerator<ChatEvent>, left: AbortController): AsyncIterable<ChatEvent> {
  return new Repeater<ChatEvent>(async (push, stop) => {
    void stop.then(() => left.abort());
    try {
      for await (const event of events) await push(event);
      stop();
    } catch (error) {
      if (!left.signal.aborted) stop(error);
    }
  });
}

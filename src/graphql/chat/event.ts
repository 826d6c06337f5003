import type { ChatEvent } from '../../domain/chat/ask.ts';
import { builder } from '../builder.ts';
import { ChatFailureEnum } from '../errors.ts';
import { ChatCitation, withUse } from './citation.ts';
import { ChatTurnType } from './session.ts';

type EventOf<Type extends ChatEvent['type']> = Extract<ChatEvent, { type: Type }>;

const ChatContextType = builder.objectRef<EventOf<'context'>>('ChatContext').implement({
  description: 'What the model is given of the history; comes first.',
  fields: (t) => ({
    context: t.field({
      type: [ChatCitation],
      description: 'The best first.',
      resolve: ({ citations }) => citations.map((each) => withUse(each, null)),
    }),
  }),
});

const ChatStartedType = builder.objectRef<EventOf<'session'>>('ChatStarted').implement({
  description: 'The turn is kept; the answer begins.',
  fields: (t) => ({
    turn: t.field({ type: ChatTurnType, description: 'The turn.', resolve: ({ turn }) => turn }),
  }),
});

const ChatTokenType = builder.objectRef<EventOf<'token'>>('ChatToken').implement({
  description: 'A piece of the answer.',
  fields: (t) => ({ text: t.exposeString('text', { description: 'What comes next.' }) }),
});

const ChatSuggestionsType = builder.objectRef<EventOf<'suggestions'>>('ChatSuggestions').implement({
  description: 'Questions that could follow.',
  fields: (t) => ({
    suggestions: t.exposeStringList('suggestions', { description: '5 at most.' }),
  }),
});

const ChatDoneType = builder.objectRef<EventOf<'done'>>('ChatDone').implement({
  description: 'The answer is complete; comes last.',
  fields: (t) => ({
    turn: t.field({ type: ChatTurnType, description: 'The whole turn.', resolve: ({ turn }) => turn }),
  }),
});

const ChatFailedType = builder.objectRef<EventOf<'failed'>>('ChatFailed').implement({
  description: 'The model failed; comes last. The turn is kept with what had arrived.',
  fields: (t) => ({
    turn: t.field({ type: ChatTurnType, description: 'The turn.', resolve: ({ turn }) => turn }),
    message: t.string({
      description: 'What went wrong and what to do, for a person.',
      resolve: ({ error }) => error.message,
    }),
    reason: t.field({
      type: ChatFailureEnum,
      description: 'What is the matter.',
      resolve: ({ error }) => error.reason,
    }),
    retryAfter: t.int({
      nullable: true,
      description: 'Seconds until it is worth trying again; null when nobody knows.',
      resolve: ({ error }) => error.retryAfter,
    }),
  }),
});

const eventTypes: Record<ChatEvent['type'], string> = {
  context: 'ChatContext',
  session: 'ChatStarted',
  token: 'ChatToken',
  suggestions: 'ChatSuggestions',
  done: 'ChatDone',
  failed: 'ChatFailed',
};

export const ChatEventType = builder.unionType('ChatEvent', {
  description: 'What comes of a question, in the order of context, start, tokens, suggestions, end.',
  types: [ChatContextType, ChatStartedType, ChatTokenType, ChatSuggestionsType, ChatDoneType, ChatFailedType],
  resolveType: (event) => eventTypes[event.type],
});

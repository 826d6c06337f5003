import { type Citation, citedNumbers } from '../../domain/chat/citation.ts';
import { builder } from '../builder.ts';
import { ConversationType } from '../conversation.ts';
import { MessageType } from '../message.ts';

export const ChatCitation = builder
  .objectRef<Citation & { isCited: boolean | null }>('ChatCitation')
  .implement({
    description: 'What a number in brackets in an answer stands for.',
    fields: (t) => ({
      number: t.exposeInt('number', { description: 'The number.' }),
      score: t.exposeFloat('score', { description: 'Larger is better; comparable within one turn only.' }),
      message: t.field({
        type: MessageType,
        nullable: true,
        description: 'What is cited; null when it was deleted since.',
        resolve: (citation) => citation.message,
      }),
      conversation: t.field({
        type: ConversationType,
        nullable: true,
        description: 'Where it was said; null when it was deleted since.',
        resolve: (citation) => citation.conversation,
      }),
      quote: t.exposeString('quote', {
        description: 'The part of the message that the model was given; empty when it was deleted since.',
      }),
      isCited: t.exposeBoolean('isCited', {
        nullable: true,
        description: 'Whether the answer names the number; null while there is no answer.',
      }),
    }),
  });

/** `response` is null while there is none. */
export const withUse = (citation: Citation, response: string | null) => ({
  ...citation,
  isCited: response ? citedNumbers(response).has(citation.number) : null,
});

import { type ChatHealth, checkChat } from '../../domain/chat/health.ts';
import { builder } from '../builder.ts';

const ChatHealthType = builder.objectRef<ChatHealth>('ChatHealth').implement({
  description: 'Whether this server answers questions.',
  fields: (t) => ({
    isAvailable: t.exposeBoolean('isAvailable', { description: 'Whether a question would be answered now.' }),
    model: t.string({
      nullable: true,
      description: 'The model that answers.',
      resolve: (health) => (health.isAvailable ? health.model : null),
    }),
    reason: t.string({
      nullable: true,
      description: 'Why there is no answer to be had, and what to do.',
      resolve: (health) => (health.isAvailable ? null : health.error),
    }),
  }),
});

builder.queryField('chatHealth', (t) =>
  t.field({
    type: ChatHealthType,
    description: 'Whether the chat works, as /healthz/chat tells; told to everybody.',
    resolve: (_root, _args, { services }) => checkChat(services),
  }),
);

import { listMessageAssets } from '../domain/asset.ts';
import { getParent, listChildren, listSiblings } from '../domain/conversation/alternatives.ts';
import { messageKey } from '../domain/conversation/message.ts';
import { getConversation } from '../domain/conversation/read.ts';
import { MessageKind } from '../generated/prisma/enums.ts';
import { builder, nodeId } from './builder.ts';
import { OWN_STATEMENT, rowBudgetOf } from './row-budget.ts';

export const MessageKindEnum = builder.enumType('MessageKind', {
  description: 'Whether a reader wants to see a message.',
  values: {
    VISIBLE: { value: MessageKind.VISIBLE, description: 'What was said.' },
    TOOL: { value: MessageKind.TOOL, description: 'A call to a tool, or what it gave back.' },
    REASONING: { value: MessageKind.REASONING, description: 'A model’s thoughts.' },
    HIDDEN: { value: MessageKind.HIDDEN, description: 'Context that the provider does not show either.' },
  } satisfies Record<keyof typeof MessageKind, { value: string; description: string }>,
});

export const MessageType = builder.prismaNode('Message', {
  description: 'One turn of a conversation.',
  nullable: true,
  // A node's id is unique in its conversation only.
  id: nodeId(
    (message: { conversationId: string; nodeId: string }) => `${message.conversationId}/${message.nodeId}`,
    'Global id.',
  ),
  findUnique: (id, { viewer }) => messageKey(viewer, id),
  fields: (t) => ({
    externalId: t.exposeString('nodeId', { description: 'The provider’s id, unique in its conversation.' }),
    role: t.exposeString('role', {
      description: 'user, assistant, system, tool, or what the provider calls it.',
    }),
    authorName: t.exposeString('authorName', { nullable: true, description: 'Which tool spoke.' }),
    kind: t.expose('kind', { type: MessageKindEnum, description: 'Whether a reader wants to see it.' }),
    contentType: t.exposeString('contentType', { description: 'The provider’s word for what it holds.' }),
    text: t.exposeString('text', { description: 'All that it says, as plain text or Markdown.' }),
    model: t.exposeString('model', { nullable: true, description: 'The model that wrote it.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', nullable: true, description: 'When it was said.' }),
    onActivePath: t.exposeBoolean('onActivePath', {
      description: 'Whether the provider’s own page shows it.',
    }),
    siblingIndex: t.exposeInt('siblingIndex', {
      description: 'Which of the alternatives at this place it is, from 0.',
    }),
    siblingCount: t.exposeInt('siblingCount', {
      description: 'Alternatives at this place, itself included.',
    }),
    parent: t.prismaField({
      type: 'Message',
      nullable: true,
      description: 'What it answers; null at a root.',
      resolve: (_query, message, _args, { services, viewer }, info) =>
        getParent(services, viewer, message, rowBudgetOf(info)),
    }),
    children: t.prismaField({
      type: ['Message'],
      description: 'The answers to it, alternatives in order, the first 100.',
      resolve: (_query, message, _args, { services, viewer }, info) =>
        listChildren(services, viewer, message, rowBudgetOf(info)),
    }),
    siblings: t.prismaField({
      type: ['Message'],
      description:
        'The alternatives at this place in order, itself included: what a reader switches between. The first 100; `siblingCount` counts them all.',
      resolve: (_query, message, _args, { services, viewer }, info) =>
        listSiblings(services, viewer, message, rowBudgetOf(info)),
    }),
    assets: t.prismaField({
      type: ['Asset'],
      description: 'The files that it points to, the first 100.',
      resolve: (_query, message, _args, { services, viewer }, info) =>
        listMessageAssets(services, viewer, message, rowBudgetOf(info)),
    }),
    conversation: t.prismaField({
      type: 'Conversation',
      nullable: true,
      description: 'Where it was said; null when that was deleted meanwhile.',
      resolve: (query, message, _args, { services, viewer }, info) => {
        rowBudgetOf(info).spend(OWN_STATEMENT);
        return getConversation(services, viewer, message.conversationId, query);
      },
    }),
  }),
});

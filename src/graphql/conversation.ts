import { listAssets } from '../domain/asset.ts';
import {
  type ConversationFilter,
  type ConversationOrder,
  conversationKey,
  countConversations,
  countMessages,
  getConversation,
  listConversations,
  listMessages,
  type MessagePath,
} from '../domain/conversation.ts';
import { localId } from '../domain/global-id.ts';
import { builder } from './builder.ts';
import { MessageType } from './message.ts';

const MessagePathEnum = builder.enumType('MessagePath', {
  description: 'Which messages of a conversation.',
  values: {
    ACTIVE: {
      value: 'ACTIVE' satisfies MessagePath,
      description: 'From the root to where the conversation stands.',
    },
    ALL: { value: 'ALL' satisfies MessagePath, description: 'Every branch, parents before children.' },
  },
});

const ConversationOrderEnum = builder.enumType('ConversationOrder', {
  description: 'How to sort conversations.',
  values: {
    UPDATED_DESC: { description: 'Last changed first.' },
    UPDATED_ASC: { description: 'Longest unchanged first.' },
    CREATED_DESC: { description: 'Newest first.' },
    CREATED_ASC: { description: 'Oldest first.' },
    TITLE_ASC: { description: 'By title.' },
  } satisfies Record<ConversationOrder, { description: string }>,
});

export const ConversationFilterInput = builder.inputType('ConversationFilter', {
  description: 'Which conversations; all conditions must hold.',
  fields: (t) => ({
    externalId: t.string({ required: false, description: 'The provider’s id.' }),
    provider: t.string({ required: false, description: 'chatgpt or claude.' }),
    title: t.string({ required: false, description: 'Part of the title, whatever its case.' }),
    createdAfter: t.field({ type: 'DateTime', required: false, description: 'Begun then or later.' }),
    createdBefore: t.field({ type: 'DateTime', required: false, description: 'Begun before then.' }),
    archived: t.boolean({ required: false, description: 'Only archived ones, or only those that are not.' }),
  }),
});

const toFilter = (filter: ConversationFilter | null | undefined): ConversationFilter => filter ?? {};

export const ConversationType = builder.prismaNode('Conversation', {
  description: 'A thread with all of its branches.',
  nullable: true,
  id: { resolve: (conversation) => conversation.id, description: 'Global id.' },
  findUnique: (id, { viewer }) => conversationKey(viewer, id),
  fields: (t) => ({
    provider: t.exposeString('provider', { description: 'Where it was held: chatgpt or claude.' }),
    externalId: t.exposeString('externalId', { description: 'The provider’s own id.' }),
    title: t.exposeString('title', { description: 'Its title, or the beginning of what was first said.' }),
    model: t.exposeString('model', { nullable: true, description: 'The model it was held with.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', nullable: true, description: 'When it began.' }),
    updatedAt: t.expose('updatedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it last changed.',
    }),
    archived: t.exposeBoolean('archived', { description: 'Whether it was put away.' }),
    starred: t.exposeBoolean('starred', { description: 'Whether it was marked.' }),
    messageCount: t.exposeInt('messageCount', {
      description: 'Messages of all branches, hidden ones included.',
    }),
    branches: t.exposeInt('branchCount', { description: 'Number of ways from the root to a last message.' }),
    assets: t.prismaField({
      type: ['Asset'],
      description: 'The files that its messages point to, each once.',
      resolve: (_query, conversation, _args, { services, viewer }) =>
        listAssets(services, viewer, conversation.id),
    }),
    messages: t.prismaConnection({
      type: MessageType,
      cursor: 'userId_conversationId_nodeId',
      description: 'Its messages in reading order.',
      args: {
        path: t.arg({ type: MessagePathEnum, defaultValue: 'ACTIVE', description: 'Which of them.' }),
      },
      totalCount: (conversation, { path }, { services, viewer }) =>
        countMessages(services, viewer, conversation.id, path),
      resolve: (page, conversation, { path }, { services, viewer }) =>
        listMessages(services, viewer, conversation.id, path, page),
    }),
  }),
});

builder.queryField('conversation', (t) =>
  t.prismaField({
    type: ConversationType,
    nullable: true,
    description: 'One of the viewer’s conversations; null when it is not theirs.',
    args: { id: t.arg.id({ description: 'The conversation’s global id.' }) },
    resolve: (query, _root, { id }, { services, viewer }) =>
      getConversation(services, viewer, localId('Conversation', id), query),
  }),
);

builder.queryField('conversations', (t) =>
  t.prismaConnection({
    type: ConversationType,
    cursor: 'userId_id',
    description: 'The viewer’s conversations.',
    args: {
      filter: t.arg({ type: ConversationFilterInput, required: false, description: 'Which of them.' }),
      orderBy: t.arg({
        type: ConversationOrderEnum,
        defaultValue: 'UPDATED_DESC',
        description: 'In which order.',
      }),
    },
    totalCount: (_root, { filter }, { services, viewer }) =>
      countConversations(services, viewer, toFilter(filter)),
    resolve: (page, _root, { filter, orderBy }, { services, viewer }) =>
      listConversations(services, viewer, toFilter(filter), orderBy, page),
  }),
);

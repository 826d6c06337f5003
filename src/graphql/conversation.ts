import { listConversationAssets } from '../domain/asset.ts';
import { deleteConversation } from '../domain/conversation/delete.ts';
import { archiveConversation, renameConversation } from '../domain/conversation/edit.ts';
import type { ConversationFilter } from '../domain/conversation/filter.ts';
import {
  type ConversationOrder,
  type ConversationOrderField,
  type ConversationPage,
  conversationCursor,
  countConversations,
  listConversations,
} from '../domain/conversation/list.ts';
import { countMessages, listMessages, type MessagePath } from '../domain/conversation/message.ts';
import { conversationKey, getConversation } from '../domain/conversation/read.ts';
import { NotFoundError } from '../domain/errors.ts';
import { encodeId, localId } from '../domain/global-id.ts';
import { builder, MAX_PAGE, nodeId } from './builder.ts';
import { resolvePage } from './connection.ts';
import { expectedErrors } from './errors.ts';
import { MessageType } from './message.ts';
import { rowBudgetOf } from './row-budget.ts';

export const MessagePathEnum = builder.enumType('MessagePath', {
  description: 'Which messages of a conversation.',
  values: {
    ACTIVE: {
      value: 'ACTIVE' satisfies MessagePath,
      description: 'From the root to where the conversation stands.',
    },
    ALL: { value: 'ALL' satisfies MessagePath, description: 'Every branch, parents before children.' },
  },
});

const DEFAULT_PATH: MessagePath = 'ACTIVE';

const OrderFieldEnum = builder.enumType('ConversationOrderField', {
  description: 'What to sort conversations by.',
  values: {
    UPDATED_AT: { description: 'When they last changed.' },
    CREATED_AT: { description: 'When they began.' },
    TITLE: { description: 'Their titles, whatever their case.' },
    MESSAGE_COUNT: { description: 'How many messages they hold.' },
  } satisfies Record<ConversationOrderField, { description: string }>,
});

const OrderDirectionEnum = builder.enumType('OrderDirection', {
  description: 'Which end comes first.',
  values: {
    ASC: { description: 'The oldest, the smallest, A.' },
    DESC: { description: 'The newest, the largest, Z.' },
  } satisfies Record<ConversationOrder['direction'], { description: string }>,
});

const ConversationOrderInput = builder.inputType('ConversationOrder', {
  description: 'How to sort conversations; those without a time come last either way.',
  fields: (t) => ({
    field: t.field({ type: OrderFieldEnum, description: 'What to sort by.' }),
    direction: t.field({
      type: OrderDirectionEnum,
      defaultValue: 'DESC',
      description: 'Which end comes first.',
    }),
  }),
});

export const ConversationFilterInput = builder.inputType('ConversationFilter', {
  description: 'Which conversations; all conditions must hold.',
  fields: (t) => ({
    externalId: t.string({ required: false, description: 'The provider’s id.' }),
    provider: t.string({ required: false, description: 'chatgpt or claude.' }),
    title: t.string({ required: false, description: 'Part of the title, whatever its case.' }),
    createdAfter: t.field({ type: 'DateTime', required: false, description: 'Begun then or later.' }),
    createdBefore: t.field({ type: 'DateTime', required: false, description: 'Begun before then.' }),
    updatedAfter: t.field({ type: 'DateTime', required: false, description: 'Changed then or later.' }),
    updatedBefore: t.field({ type: 'DateTime', required: false, description: 'Last changed before then.' }),
    model: t.string({ required: false, description: 'The model’s own name, such as gpt-4o.' }),
    archived: t.boolean({ required: false, description: 'Only archived ones, or only those that are not.' }),
    starred: t.boolean({ required: false, description: 'Only starred ones, or only those that are not.' }),
    hasAttachments: t.boolean({
      required: false,
      description: 'Only those whose messages point to files, or only the others.',
    }),
  }),
});

const DEFAULT_ORDER: ConversationOrder = { field: 'UPDATED_AT', direction: 'DESC' };

const toFilter = (filter: ConversationFilter | null | undefined): ConversationFilter => filter ?? {};

export const ConversationType = builder.prismaNode('Conversation', {
  description: 'A thread with all of its branches.',
  nullable: true,
  id: nodeId((conversation: { id: string }) => conversation.id, 'Global id.'),
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
      description: 'The files that its messages point to, each once, the first 100.',
      resolve: (_query, conversation, _args, { services, viewer }, info) =>
        listConversationAssets(services, viewer, conversation.id, rowBudgetOf(info)),
    }),
    messages: t.prismaConnection({
      type: MessageType,
      cursor: 'userId_conversationId_nodeId',
      description: 'Its messages in reading order.',
      args: {
        path: t.arg({
          type: MessagePathEnum,
          required: false,
          defaultValue: DEFAULT_PATH,
          description: 'Which of them.',
        }),
        through: t.arg.id({
          required: false,
          description:
            'In place of the active path the one through this message, to switch branches: `siblings` of a message tells where to.',
        }),
        around: t.arg.id({
          required: false,
          description:
            'The same, and without `after` and `before` the page around this message, such as a hit of a search: `before: startCursor` leads to what comes before.',
        }),
      },
      totalCount: (conversation, { path, through, around }, { services, viewer }) =>
        countMessages(services, viewer, conversation.id, { path: path ?? DEFAULT_PATH, through, around }),
      resolve: (page, conversation, { path, through, around }, { services, viewer }) =>
        listMessages(
          services,
          viewer,
          conversation.id,
          { path: path ?? DEFAULT_PATH, through, around },
          page,
        ),
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
  t.connection(
    {
      type: ConversationType,
      description: 'The viewer’s conversations.',
      args: {
        filter: t.arg({ type: ConversationFilterInput, required: false, description: 'Which of them.' }),
        orderBy: t.arg({
          type: ConversationOrderInput,
          required: false,
          defaultValue: DEFAULT_ORDER,
          description: 'In which order.',
        }),
      },
      resolve: async (_root, { filter, orderBy, ...args }, { services, viewer }) => {
        const order = orderBy ?? DEFAULT_ORDER;
        const connection = await resolvePage(
          { args, defaultSize: 20, maxSize: MAX_PAGE, toCursor: (row) => conversationCursor(order, row) },
          (page: ConversationPage) => listConversations(services, viewer, toFilter(filter), order, page),
        );
        return { ...connection, filter: toFilter(filter) };
      },
    },
    {
      fields: (connection) => ({
        totalCount: connection.int({
          description: 'Items of all pages together.',
          resolve: ({ filter }, _args, { services, viewer }) => countConversations(services, viewer, filter),
        }),
      }),
    },
  ),
);

builder.mutationField('renameConversation', (t) =>
  t.prismaField({
    type: ConversationType,
    description: 'Gives a conversation another title, which later imports keep.',
    args: {
      id: t.arg.id({ description: 'The conversation’s global id.' }),
      title: t.arg.string({ description: 'Up to 500 characters, not blank.' }),
    },
    errors: { types: [...expectedErrors, NotFoundError] },
    resolve: (_query, _root, { id, title }, { services, viewer }) =>
      renameConversation(services, viewer, localId('Conversation', id), title),
  }),
);

builder.mutationField('archiveConversation', (t) =>
  t.prismaField({
    type: ConversationType,
    description: 'Puts a conversation away or takes it back, which later imports keep.',
    args: {
      id: t.arg.id({ description: 'The conversation’s global id.' }),
      archived: t.arg.boolean({ description: 'Whether it is put away.' }),
    },
    errors: { types: [...expectedErrors, NotFoundError] },
    resolve: (_query, _root, { id, archived }, { services, viewer }) =>
      archiveConversation(services, viewer, localId('Conversation', id), archived),
  }),
);

const DeletedConversation = builder
  .objectRef<{ id: string; provider: string; externalId: string }>('DeletedConversation')
  .implement({
    description: 'A conversation that is gone.',
    fields: (t) => ({
      deletedId: t.id({
        description: 'The global id that it had.',
        resolve: ({ id }) => encodeId('Conversation', id),
      }),
      provider: t.exposeString('provider', { description: 'Where it was held.' }),
      externalId: t.exposeString('externalId', { description: 'The provider’s own id.' }),
    }),
  });

builder.mutationField('deleteConversation', (t) =>
  t.field({
    type: DeletedConversation,
    description:
      'Deletes a conversation with all that belongs to it alone. Later imports leave it out and say so.',
    args: { id: t.arg.id({ description: 'The conversation’s global id.' }) },
    errors: { types: [...expectedErrors, NotFoundError] },
    resolve: (_root, { id }, { services, viewer }) =>
      deleteConversation(services, viewer, localId('Conversation', id)),
  }),
);
